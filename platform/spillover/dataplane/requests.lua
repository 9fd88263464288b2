-- What HAProxy's own rules cannot do: limits per key and minute, tokens counted in answers, bodies without a length, and
-- requests held while no replica is there. All of it shares one Lua state, so a key's counts are one for all threads.

local WINDOW_S = 60
local USAGE_BYTES = 512 -- how much of an answer after "usage" is looked at
local HOLD_STEP_MS, HOLD_LATER_MS = 50, 250 -- in the first second, and after it: many may wait for long
local HOLD_STALE_S = 1

local find, sub, match = string.find, string.sub, string.match

-- Sums of the past minute, a bucket a second ---------------------------------------------------------------------------

local Meter = {}
Meter.__index = Meter

local function new_meter(now)
    local meter = setmetatable({ sum = 0, now = now }, Meter)
    for i = 0, WINDOW_S - 1 do
        meter[i] = 0
    end
    return meter
end

function Meter:turn(now)
    for second = math.max(self.now + 1, now - WINDOW_S + 1), now do
        local i = second % WINDOW_S
        self.sum = self.sum - self[i]
        self[i] = 0
    end
    self.now = math.max(self.now, now)
end

function Meter:add(now, amount)
    self:turn(now)
    local i = self.now % WINDOW_S
    self[i] = self[i] + amount
    self.sum = self.sum + amount
end

-- Whole seconds until the sum is below the limit, if nothing is added.
function Meter:wait(now, limit)
    self:turn(now)
    local sum = self.sum
    if sum < limit then
        return 0
    end
    for age = WINDOW_S - 1, 0, -1 do
        sum = sum - self[(self.now - age) % WINDOW_S]
        if sum < limit then
            return WINDOW_S - age
        end
    end
    return WINDOW_S
end

-- Limits of keys -------------------------------------------------------------------------------------------------------

local requests, tokens = {}, {}

local function meter_of(meters, key, now)
    local meter = meters[key]
    if not meter then
        meter = new_meter(now)
        meters[key] = meter
    end
    return meter
end

-- Sets txn.wait (seconds) and txn.over ("requests" or "tokens") if a limit of the key is reached; counts it otherwise.
core.register_action("admit", { "http-req" }, function(txn)
    local now = core.now().sec
    local key = txn:get_var("txn.key")
    local per_minute = tonumber(txn:get_var("txn.requests"))
    local tokens_per_minute = tonumber(txn:get_var("txn.tokens"))
    if tokens_per_minute then
        local wait = meter_of(tokens, key, now):wait(now, tokens_per_minute)
        if wait > 0 then
            txn:set_var("txn.over", "tokens")
            txn:set_var("txn.wait", wait)
            return
        end
    end
    if per_minute then
        local meter = meter_of(requests, key, now)
        local wait = meter:wait(now, per_minute)
        if wait > 0 then
            txn:set_var("txn.over", "requests")
            txn:set_var("txn.wait", wait)
            return
        end
        meter:add(now, 1)
    end
end)

core.register_task(function()
    while true do
        core.sleep(WINDOW_S)
        local now = core.now().sec
        for _, meters in ipairs({ requests, tokens }) do
            for key, meter in pairs(meters) do
                if now - meter.now > WINDOW_S then
                    meters[key] = nil
                end
            end
        end
    end
end)

-- Replicas -------------------------------------------------------------------------------------------------------------

-- HAProxy tries servers in their order, which is right for pools. Within a pool, the least busy replica is better: sets
-- txn.server to that of the first pool with room. If none has room, or that pool has a single server, HAProxy decides.
core.register_action("pick", { "http-req" }, function(txn)
    local backend = txn.f:be_name()
    local first, pools = nil, {}
    for name, server in pairs(core.backends[backend].servers) do
        local pool = match(name, "^(.*)%.")
        local limit, ongoing = server:get_maxconn(), server:get_cur_sess()
        if pool and ongoing < limit and not server:is_draining() and txn.f:srv_is_up(backend .. "/" .. name) == 1 then
            local id, there = server:get_puid(), pools[pool]
            if not there then
                there = { id = id, ongoing = ongoing, name = name, servers = 0 }
                pools[pool] = there
            elseif ongoing < there.ongoing then
                there.ongoing, there.name = ongoing, name
            end
            there.id, there.servers = math.min(there.id, id), there.servers + 1
            if not first or there.id < first.id then
                first = there
            end
        end
    end
    if first and first.servers > 1 then
        txn:set_var("txn.server", first.name)
    end
end)

-- Bodies ---------------------------------------------------------------------------------------------------------------

local Bodies = { id = "spillover", flags = filter.FLT_CFG_FL_HTX }
Bodies.__index = Bodies

function Bodies:new()
    return setmetatable({ rest = "", received = 0, counted = 0 }, Bodies)
end

-- HAProxy's rules, which are faster, say in txn.untold and txn.scan what must be looked at: request bodies that do not
-- tell their length, and answers that may tell tokens.
function Bodies:http_headers(txn, msg)
    if msg:is_resp() then
        if txn:get_var("txn.scan") then
            filter.register_data_filter(self, msg.channel)
        end
    elseif txn:get_var("txn.untold") then
        self.limit = tonumber(txn:get_var("txn.limit"))
        filter.register_data_filter(self, msg.channel)
    end
end

function Bodies:http_payload(txn, msg)
    local data = msg:body()
    if not data or #data == 0 then
        return
    end
    if msg:is_resp() then
        self:read_usage(txn, self.rest .. data)
    else
        self.received = self.received + #data
        if self.received > self.limit then
            local reply = txn:reply({ status = 413 })
            reply:add_header("content-type", "application/json")
            reply:set_body(TOO_LARGE)
            txn:done(reply)
        end
    end
end

-- In a JSON string the quotes would be escaped: '"usage"' with bare quotes is a key. What may go on in the next piece
-- of the body is kept.
function Bodies:read_usage(txn, text)
    local from, at = 1, find(text, '"usage"', 1, true)
    self.rest = sub(text, -6)
    while at do
        from = at + 7
        local part = sub(text, at, at + USAGE_BYTES)
        local whole = match(part, '^"usage"%s*:%s*(%b{})')
        local object = whole or match(part, '^"usage"%s*:%s*({.*)')
        if object then
            self:note(txn, object)
        end
        local no_object = match(part, '^"usage"%s*[^%s:]') or match(part, '^"usage"%s*:%s*[^%s{]')
        if not whole and not no_object and #part <= USAGE_BYTES then
            self.rest = part
            return
        end
        at = find(text, '"usage"', from, true)
    end
end

local function amount(object, ...)
    for _, name in ipairs({ ... }) do
        local digits = match(object, '"' .. name .. '"%s*:%s*(%d+)[^%d]')
        if digits and #digits < 13 then
            return tonumber(digits)
        end
    end
end

-- Streams may tell their usage more than once, each time for all so far.
function Bodies:note(txn, object)
    local read, written = amount(object, "prompt_tokens", "input_tokens"), amount(object, "completion_tokens", "output_tokens")
    self.read, self.written = read or self.read or 0, written or self.written or 0
    txn:set_var("txn.tokens_in", self.read)
    txn:set_var("txn.tokens_out", self.written)
    local more = self.read + self.written - self.counted
    if more > 0 and txn:get_var("txn.tokens") then
        local now = core.now().sec
        meter_of(tokens, txn:get_var("txn.key"), now):add(now, more)
        self.counted = self.counted + more
    end
end

core.register_filter("bodies", Bodies, function(class, args)
    return class
end)

-- Holding --------------------------------------------------------------------------------------------------------------

local held, last_id = {}, 0

local function seconds()
    local now = core.now()
    return now.sec + now.usec / 1e6
end

-- Waits until the application's slot has a replica group that is up; sets txn.held to the milliseconds that it took,
-- and txn.none if there was none in time. A client that went away leaves an entry behind that grows stale.
core.register_action("hold", { "http-req" }, function(txn)
    local slot, begin = txn:get_var("txn.slot"), seconds()
    local backend = core.backends[slot]
    local patience = (tonumber(txn:get_var("txn.timeout")) or 1000) / 1000 - 0.5
    last_id = last_id + 1
    local id = last_id
    held[slot] = held[slot] or {}
    while backend:get_srv_act() == 0 do
        local now = seconds()
        if now - begin > patience then
            txn:set_var("txn.none", 1)
            break
        end
        held[slot][id] = now
        core.msleep(now - begin < 1 and HOLD_STEP_MS or HOLD_LATER_MS)
    end
    held[slot][id] = nil
    txn:set_var("txn.held", math.floor((seconds() - begin) * 1000))
end)

core.register_cli({ "show", "held" }, "show held: requests that wait for a replica, by slot", function(applet)
    local now = seconds()
    for slot, waiting in pairs(held) do
        local count = 0
        for id, at in pairs(waiting) do
            if now - at > HOLD_STALE_S then
                waiting[id] = nil
            else
                count = count + 1
            end
        end
        applet:send(slot .. " " .. count .. "\n")
    end
end)
