// How fast a hand-written pair of batched scripts adds and processes standard jobs on this Redis: the limit of an engine
// that keeps BullMQ's format. script_limit PORT JOBS BATCH FOLDER_OF_THE_SCRIPTS
// Prints {"addsPerSecond": int, "jobsPerSecond": int}. Flushes the Redis.
#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

namespace {

using Clock = std::chrono::steady_clock;
using Reply = std::unique_ptr<redisReply, void (*)(void*)>;

const std::string kBase = "bull:limit:";
const std::string kToken = "0f8fad5b-d9cb-469f-a165-70867728950e:0";
/// Calls in flight: Redis always finds the next one in its socket buffer.
const std::size_t kDepth = 3;

class Redis {
public:
    explicit Redis(int port) : context_(redisConnect("127.0.0.1", port), redisFree) {
        if (context_ == nullptr || context_->err != 0) {
            throw std::runtime_error("no redis-server on port " + std::to_string(port));
        }
    }

    void send(const std::vector<std::string>& args) {
        std::vector<const char*> texts;
        std::vector<std::size_t> lengths;
        for (const std::string& arg : args) {
            texts.push_back(arg.data());
            lengths.push_back(arg.size());
        }
        redisAppendCommandArgv(
            context_.get(), static_cast<int>(args.size()), texts.data(), lengths.data());
        int done = 0;
        while (done == 0) {
            if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
                throw std::runtime_error(context_->errstr);
            }
        }
    }

    Reply receive() {
        void* reply = nullptr;
        if (redisGetReply(context_.get(), &reply) != REDIS_OK) {
            throw std::runtime_error(context_->errstr);
        }
        Reply owned(static_cast<redisReply*>(reply), freeReplyObject);
        if (owned->type == REDIS_REPLY_ERROR) {
            throw std::runtime_error(std::string(owned->str, owned->len));
        }
        return owned;
    }

    Reply call(const std::vector<std::string>& args) {
        send(args);
        return receive();
    }

    std::string load(const std::string& path) {
        std::ifstream file(path);
        std::stringstream text;
        text << file.rdbuf();
        const Reply sha = call({"SCRIPT", "LOAD", text.str()});
        return {sha->str, sha->len};
    }

private:
    std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

std::string nowMs() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

long perSecond(long count, Clock::time_point start) {
    return static_cast<long>(static_cast<double>(count) /
                             std::chrono::duration<double>(Clock::now() - start).count());
}

void add(Redis& redis, const std::string& sha, long from, long count) {
    std::vector<std::string> args = {
        "EVALSHA",
        sha,
        "5",
        kBase + "id",
        kBase + "meta",
        kBase + "wait",
        kBase + "marker",
        kBase + "events",
        kBase,
        nowMs(),
        R"({"attempts":0,"removeOnComplete":true,"removeOnFail":true})",
        "reserveEvent"};
    for (long i = from; i < from + count; ++i) {
        args.push_back("{\"userId\":" + std::to_string(i) +
                       ",\"eventId\":" + std::to_string(i % 100 + 1) + "}");
    }
    redis.send(args);
}

void advance(Redis& redis,
             const std::string& sha,
             long batch,
             const std::vector<std::string>& finished) {
    std::vector<std::string> args = {"EVALSHA",
                                     sha,
                                     "8",
                                     kBase + "wait",
                                     kBase + "active",
                                     kBase + "marker",
                                     kBase + "events",
                                     kBase + "meta",
                                     kBase + "stalled",
                                     kBase + "delayed",
                                     kBase + "prioritized",
                                     kBase,
                                     nowMs(),
                                     kToken,
                                     "30000",
                                     std::to_string(batch)};
    args.insert(args.end(), finished.begin(), finished.end());
    redis.send(args);
}

std::vector<std::string> idsOf(const redisReply& taken) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < taken.elements; i += 2) {
        ids.emplace_back(taken.element[i]->str, taken.element[i]->len);
    }
    return ids;
}

long measureAdds(Redis& redis, const std::string& sha, long jobs, long batch) {
    const auto start = Clock::now();
    std::size_t inFlight = 0;
    for (long i = 0; i < jobs; i += batch) {
        add(redis, sha, i, std::min(batch, jobs - i));
        if (++inFlight == kDepth) {
            redis.receive();
            --inFlight;
        }
    }
    for (; inFlight > 0; --inFlight) {
        redis.receive();
    }
    return perSecond(jobs, start);
}

long measureJobs(Redis& redis, const std::string& sha, long jobs, long batch) {
    const auto start = Clock::now();
    long done = 0;
    std::deque<std::size_t> finishing;  // How many jobs each call in flight finishes.
    for (std::size_t i = 0; i < kDepth; ++i) {
        advance(redis, sha, batch, {});
        finishing.push_back(0);
    }
    while (!finishing.empty()) {
        const Reply taken = redis.receive();
        done += static_cast<long>(finishing.front());
        finishing.pop_front();
        const std::vector<std::string> ids = idsOf(*taken);
        if (!ids.empty()) {
            advance(redis, sha, batch, ids);
            finishing.push_back(ids.size());
        }
    }
    if (done != jobs) {
        throw std::runtime_error("processed " + std::to_string(done) + " of " +
                                 std::to_string(jobs) + " jobs");
    }
    return perSecond(jobs, start);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: script_limit PORT JOBS BATCH FOLDER\n";
        return 64;
    }
    try {
        const long jobs = std::atol(argv[2]);
        const long batch = std::atol(argv[3]);
        Redis redis(std::atoi(argv[1]));
        redis.call({"FLUSHALL"});
        const std::string folder = argv[4];
        const long adds = measureAdds(redis, redis.load(folder + "/add.lua"), jobs, batch);
        const long processed = measureJobs(redis, redis.load(folder + "/advance.lua"), jobs, batch);
        std::cout << "{\"addsPerSecond\": " << adds << ", \"jobsPerSecond\": " << processed
                  << "}\n";
    } catch (const std::exception& error) {
        std::cerr << "script_limit: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
