-- Asks for one of 10,000 files at random, the same sequence in every round. The path of the URL is
-- their folder. The requests are made beforehand: wrk must stay cheaper than the server.
local kFiles = 10000

function init(arguments)
    math.randomseed(1)
    requests = {}
    for index = 1, kFiles do
        requests[index] = wrk.format("GET", wrk.path .. index - 1)
    end
end

function request()
    return requests[math.random(kFiles)]
end
