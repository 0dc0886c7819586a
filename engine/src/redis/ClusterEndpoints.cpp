#include "redis/ClusterEndpoints.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <Poco/Logger.h>

#include "drover/Exceptions.h"
#include "redis/Connection.h"

namespace drover {

namespace {

constexpr int kSlots = 16384;
/// An answer younger than this is not asked for again: while a node is away, every client reports it.
constexpr std::chrono::milliseconds kFresh{100};

std::string textOf(const Redis::Address& address) {
    return address.host + ":" + std::to_string(address.port);
}

RedisOptions nodeOptions(Redis::Settings settings) {
    settings.cluster.clear();
    return RedisOptions(settings);
}

}  // namespace

Redis::Address redirection(std::string_view error, const std::string& from) {
    Redis::Address address;
    const std::size_t blank = error.rfind(' ');
    const std::size_t colon = error.rfind(':');
    if (blank == std::string_view::npos || colon == std::string_view::npos || colon < blank) {
        return address;
    }
    const std::string_view host = error.substr(blank + 1, colon - blank - 1);
    address.host = host.empty() || host == "?" ? from : std::string(host);
    std::from_chars(error.data() + colon + 1, error.data() + error.size(), address.port);
    return address;
}

ClusterEndpoints::ClusterEndpoints(const Redis::Settings& settings)
    : seeds_(settings.cluster), options_(nodeOptions(settings)) {}

ClusterEndpoints::Address ClusterEndpoints::find(int slot) {
    const std::lock_guard lock(mutex_);
    refresh();
    if (slot == kAnySlot) {
        return ranges_.front().node;
    }
    if (const auto moved = moved_.find(slot); moved != moved_.end()) {
        return moved->second;
    }
    for (const Range& range : ranges_) {
        if (range.first <= slot && slot <= range.last) {
            return range.node;
        }
    }
    suspect_ = true;
    throw RedisIoException("no node of the cluster has slot " + std::to_string(slot));
}

void ClusterEndpoints::suspect(int /*slot*/, const Address& /*address*/) {
    const std::lock_guard lock(mutex_);
    suspect_ = true;
}

void ClusterEndpoints::onMoved(int slot, const Address& address) {
    const std::lock_guard lock(mutex_);
    moved_[slot] = address;
}

std::vector<ClusterEndpoints::Address> ClusterEndpoints::masters() {
    const std::lock_guard lock(mutex_);
    refresh();
    return nodes();
}

std::vector<ClusterEndpoints::Address> ClusterEndpoints::nodes() const {
    std::vector<Address> nodes;
    for (const Range& range : ranges_) {
        if (std::find(nodes.begin(), nodes.end(), range.node) == nodes.end()) {
            nodes.push_back(range.node);
        }
    }
    return nodes;
}

void ClusterEndpoints::refresh() {
    if (!suspect_ || (!ranges_.empty() && Clock::now() - asked_ < kFresh)) {
        return;
    }
    std::vector<Address> asked = nodes();
    if (answered_) {
        asked.insert(asked.begin(), *answered_);
    }
    asked.insert(asked.end(), seeds_.begin(), seeds_.end());
    std::string problems;
    for (const Address& node : asked) {
        try {
            ranges_ = askOne(node);
            answered_ = node;
            moved_.clear();
            suspect_ = false;
            asked_ = Clock::now();
            return;
        } catch (const Exception& error) {
            problems += (problems.empty() ? "" : "; ") + textOf(node) + ": " + error.message();
        }
    }
    throw RedisIoException("no node of the cluster names the slots: " + problems);
}

std::vector<ClusterEndpoints::Range> ClusterEndpoints::askOne(const Address& node) const {
    Connection link(options_.at(node), "", Connection::Peer::Informant);
    const Reply reply = link.call(Command{"CLUSTER", "SLOTS"});
    if (reply.isError()) {
        throw RedisIoException("it refuses CLUSTER SLOTS: " + std::string(reply.text()));
    }
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        // [first slot, last slot, [host, port, id], replicas …]
        const ReplyView range = reply.at(i);
        const std::int64_t first = range.at(0).integer();
        const std::int64_t last = range.at(1).integer();
        const std::string host(range.at(2).at(0).text());
        if (first < 0 || last >= kSlots || first > last) {
            throw RedisIoException("it names slots outside [0, 16384)");
        }
        ranges.push_back({static_cast<int>(first),
                          static_cast<int>(last),
                          {host.empty() || host == "?" ? node.host : host,
                           static_cast<int>(range.at(2).at(1).integer())}});
    }
    if (ranges.empty()) {
        throw RedisIoException("it knows no node that has slots");
    }
    return ranges;
}

}  // namespace drover
