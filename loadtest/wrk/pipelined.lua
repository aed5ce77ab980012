-- Sends 16 requests in one write; wrk counts every reply. The path is taken from the URL.
function init(arguments)
    requests = string.rep(wrk.format("GET", wrk.path), 16)
end

function request()
    return requests
end
