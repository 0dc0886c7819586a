#include "EventHub.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "StreamId.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/JsonWriter.h"
#include "drover/QueueEvents.h"
#include "drover/QueueReader.h"

namespace drover::admin {

namespace {

using std::chrono::milliseconds;
using Sent = EventStream::Sent;

constexpr int kEventsOfAPage = 200;
/// How long a client waits for the next look: of a reader that is not ready, and of a Redis that is away.
constexpr milliseconds kSoon{20};
constexpr milliseconds kLater{500};
constexpr milliseconds kSweep{2000};
constexpr const char* kReady = "drover:ready";
constexpr const char* kGap = "drover:gap";
constexpr const char* kBeginning = "0-0";

/// Returns the members of an event as BullMQ's QueueEvents passes them to a listener: texts, but for progress and results,
/// which are JSON.
std::string dataOf(const QueueEvent& event) {
    JsonWriter json;
    json.beginObject();
    for (const auto& [name, value] : event.fields) {
        json.key(name);
        const bool isJson = (event.type == QueueEvent::Type::Progress && name == "data") ||
                            (event.type == QueueEvent::Type::Completed && name == "returnvalue");
        isJson&& JsonView::tryParse(value) ? json.raw(value) : json.text(value);
    }
    return std::move(json.endObject()).str();
}

/// A client of another engine may publish an event with a line break in its name, which the form does not allow.
std::string nameOf(const QueueEvent& event) {
    std::string name = event.name;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
    return name;
}

Event eventOf(const QueueEvent& event) {
    return {.data = dataOf(event), .name = nameOf(event), .id = event.id};
}

Event notice(const char* name, const std::string& id) {
    JsonWriter json;
    json.beginObject().key("after").text(id).endObject();
    return {.data = std::move(json).str(), .name = name, .id = id};
}

StreamId idOf(const std::string& text) {
    return StreamId::parse(text).value_or(StreamId());
}

}  // namespace

/// One client. Guarded by the mutex of its channel while it follows; else the thread of the hub has it.
struct EventHub::Client {
    std::shared_ptr<EventStream> stream;
    std::string position;  ///< Id of the last event that it has; empty: it begins now.
    bool follows = false;  ///< Guarded by the mutex of the channel.
    bool readySent = false;
    std::string gapReported;  ///< The position behind which a gap was reported.
};

/// The reader of one queue, and its clients.
class EventHub::Channel {
public:
    Channel(EventHub& hub, const std::string& queue)
        : hub_(hub), reader_(hub.redis_, {hub.prefix_, queue}) {
        QueueEvents::Settings settings;
        settings.prefix = hub.prefix_;
        settings.name = queue;
        settings.onGap = [this] { onGap(); };
        events_ = std::make_unique<QueueEvents>(
            hub.redis_, settings, [this](const QueueEvent& event) { deliver(event); });
    }

    void close() {
        events_->stop();
        const std::lock_guard lock(mutex);
        clients.clear();
    }

    [[nodiscard]] EventPage page(const std::string& after) const {
        return reader_.events(after, kEventsOfAPage);
    }
    /// Returns the id up to which clients that follow have the events; empty: not known yet. With the lock.
    [[nodiscard]] std::string lastId() const {
        return lastId_.empty() ? events_->lastId() : lastId_;
    }

    std::weak_ptr<Channel> self;
    std::mutex mutex;
    std::vector<std::shared_ptr<Client>> clients;  ///< Guarded by mutex.
    std::uint64_t deliveries = 0;                  ///< Guarded by mutex.

private:
    void deliver(const QueueEvent& event) {
        const Event sent = eventOf(event);
        const StreamId id = idOf(event.id);
        std::vector<std::shared_ptr<Client>> full;
        {
            const std::lock_guard lock(mutex);
            const bool anew = !lastId_.empty() && id < idOf(lastId_);
            lastId_ = event.id;
            ++deliveries;
            for (const std::shared_ptr<Client>& client : clients) {
                if (!client->follows || (!anew && id <= idOf(client->position))) {
                    continue;
                }
                if (client->stream->send(sent) == Sent::Full) {
                    client->follows = false;
                    client->position = anew ? kBeginning : client->position;
                    full.push_back(client);
                } else {
                    client->position = event.id;
                }
            }
        }
        for (const std::shared_ptr<Client>& client : full) {
            hub_.awaitRoom(self.lock(), client);
        }
    }

    void onGap() {
        const std::lock_guard lock(mutex);
        for (const std::shared_ptr<Client>& client : clients) {
            if (client->follows) {
                // A client whose buffer is full meets the gap when it catches up.
                client->stream->send(notice(kGap, client->position));
            }
        }
    }

    EventHub& hub_;
    const QueueReader reader_;
    std::string lastId_;  ///< Id of the last event that was delivered. Guarded by mutex.
    std::unique_ptr<QueueEvents> events_;
};

EventHub::EventHub(Redis redis, std::string prefix, std::size_t mostQueues)
    : redis_(std::move(redis)), prefix_(std::move(prefix)), mostQueues_(mostQueues) {
    thread_ = std::thread([this] { loop(); });
}

EventHub::~EventHub() {
    stop();
}

bool EventHub::attach(const std::string& queue,
                      const std::optional<std::string>& after,
                      Responder& responder) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Channel> channel;
    if (const auto known = channels_.find(queue); known != channels_.end()) {
        channel = known->second;
    } else if (stopping_ || channels_.size() >= mostQueues_) {
        return false;
    } else {
        channel = std::make_shared<Channel>(*this, queue);
        channel->self = channel;
        channels_.emplace(queue, channel);
    }
    auto client = std::make_shared<Client>();
    client->stream = responder.stream();
    if (client->stream) {
        client->position = after.value_or("");
        {
            const std::lock_guard clientsLock(channel->mutex);
            channel->clients.push_back(client);
        }
        enqueue(channel, client, milliseconds(0));
    }
    return true;
}

void EventHub::stop() {
    std::map<std::string, std::shared_ptr<Channel>> channels;
    {
        const std::lock_guard lock(mutex_);
        const std::lock_guard pendingLock(pendingMutex_);
        stopping_ = true;
        channels.swap(channels_);
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
    for (const auto& [name, channel] : channels) {
        channel->close();
    }
    const std::lock_guard pendingLock(pendingMutex_);
    pending_.clear();
}

std::size_t EventHub::readers() const {
    const std::lock_guard lock(mutex_);
    return channels_.size();
}

void EventHub::loop() {
    auto nextSweep = Clock::now() + kSweep;
    std::unique_lock lock(pendingMutex_);
    while (!stopping_) {
        const auto now = Clock::now();
        auto wake = nextSweep;
        auto due = pending_.end();
        for (auto one = pending_.begin(); one != pending_.end() && due == pending_.end(); ++one) {
            wake = std::min(wake, one->due);
            due = one->due <= now ? one : due;
        }
        if (due == pending_.end() && now < nextSweep) {
            changed_.wait_until(lock, wake);
            continue;
        }
        std::optional<Pending> pending;
        if (due != pending_.end()) {
            pending = std::move(*due);
            pending_.erase(due);
        }
        lock.unlock();
        if (pending) {
            catchUp(*pending);
            pending.reset();
        }
        if (now >= nextSweep) {
            sweep();
            nextSweep = Clock::now() + kSweep;
        }
        lock.lock();
    }
}

void EventHub::catchUp(const Pending& pending) {
    const auto& [channel, client, due] = pending;
    if (!client->stream->open()) {
        return;  // The sweep forgets it.
    }
    std::uint64_t deliveries = 0;
    {
        const std::lock_guard lock(channel->mutex);
        if (channel->lastId().empty()) {
            return enqueue(channel, client, kSoon);
        }
        if (client->position.empty()) {
            client->position = channel->lastId();
        }
        deliveries = channel->deliveries;
    }
    EventPage page;
    try {
        page = channel->page(client->position);
    } catch (const RedisIoException&) {
        return enqueue(channel, client, kLater);
    } catch (const Poco::Exception& error) {
        Poco::Logger::get("admin").error("events: " + error.displayText());
        return enqueue(channel, client, kLater);
    }
    if (page.gap && client->gapReported != client->position) {
        if (client->stream->send(notice(kGap, client->position)) == Sent::Full) {
            return awaitRoom(channel, client);
        }
        client->gapReported = client->position;
    }
    for (const QueueEvent& event : page.events) {
        if (client->stream->send(eventOf(event)) == Sent::Full) {
            return awaitRoom(channel, client);
        }
        client->position = event.id;
    }
    const bool streamIsEmpty = page.events.empty() && client->position == kBeginning;
    client->position = page.next;
    if (!follow(pending, deliveries, streamIsEmpty)) {
        enqueue(channel, client, page.events.empty() ? kSoon : milliseconds(0));
    }
}

bool EventHub::follow(const Pending& pending, std::uint64_t deliveries, bool streamIsEmpty) {
    const auto& [channel, client, due] = pending;
    const std::lock_guard lock(channel->mutex);
    if (streamIsEmpty && deliveries == channel->deliveries) {
        client->position = channel->lastId();  // It has no entry up to there any more.
    }
    if (idOf(client->position) < idOf(channel->lastId())) {
        return false;
    }
    if (!client->readySent) {
        if (client->stream->send(notice(kReady, client->position)) == Sent::Full) {
            return false;
        }
        client->readySent = true;
    }
    client->follows = true;
    return true;
}

void EventHub::enqueue(std::shared_ptr<Channel> channel,
                       std::shared_ptr<Client> client,
                       milliseconds delay) {
    {
        const std::lock_guard lock(pendingMutex_);
        pending_.push_back({std::move(channel), std::move(client), Clock::now() + delay});
    }
    changed_.notify_one();
}

void EventHub::awaitRoom(const std::shared_ptr<Channel>& channel,
                         const std::shared_ptr<Client>& client) {
    // The stream belongs to the client: a callback that owned the client would keep both alive.
    client->stream->whenWritable(
        [this, weakChannel = std::weak_ptr(channel), weakClient = std::weak_ptr(client)] {
            auto itsChannel = weakChannel.lock();
            auto itself = weakClient.lock();
            if (itsChannel && itself) {
                enqueue(std::move(itsChannel), std::move(itself), milliseconds(0));
            }
        });
}

void EventHub::sweep() {
    std::vector<std::shared_ptr<Channel>> unused;
    {
        const std::lock_guard lock(mutex_);
        for (auto one = channels_.begin(); one != channels_.end();) {
            const std::lock_guard clientsLock(one->second->mutex);
            auto& clients = one->second->clients;
            clients.erase(
                std::remove_if(clients.begin(),
                               clients.end(),
                               [](const auto& client) { return !client->stream->open(); }),
                clients.end());
            if (clients.empty()) {
                unused.push_back(one->second);
            }
            one = clients.empty() ? channels_.erase(one) : std::next(one);
        }
    }
    for (const std::shared_ptr<Channel>& channel : unused) {
        channel->close();
    }
}

}  // namespace drover::admin
