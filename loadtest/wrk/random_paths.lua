-- Asks for the path of the URL with a number from 0 to 9,999 behind it, the same random sequence in
-- every round. The requests are made beforehand: wrk must stay cheaper than the server.
local kPaths = 10000

function init(arguments)
    math.randomseed(1)
    requests = {}
    for index = 1, kPaths do
        requests[index] = wrk.format("GET", wrk.path .. index - 1)
    end
end

function request()
    return requests[math.random(kPaths)]
end
