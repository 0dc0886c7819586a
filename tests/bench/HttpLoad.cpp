// Loads of POST /reservation/{eventId}/{userId} that wrk does not have, on one thread, without pipelining.
//
//   http_load think PORT CONNECTIONS PAUSE_MS SPREAD SECONDS FIRST
//       each client pauses between an answer and its next request, for a time that differs by up to SPREAD percent. Equal pauses keep
//       clients together that were answered together: requests then come in bursts
//   http_load open PORT CONNECTIONS RATE SECONDS FIRST FILE
//       requests at planned times, whether or not others are answered; FILE gets a line "eventId userId plannedAt" for each, in us
//       of Unix time
//   http_load hold PORT IDLE STREAMS
//       connections that wait after one request, and readers of /bench/events; prints "ready", and ends by TERM
//
// FIRST is the number of the first pair of event and user; no pair comes twice in five million. Prints JSON. Latencies count from the
// time for which a request was planned, so that a late client does not hide a slow server. An answer other than 2xx ends the program
// with 1; so does a lost connection, except that hold counts it.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <netinet/in.h>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

[[noreturn]] void die(const std::string& message) {
    std::cerr << "http_load: " << message << '\n';
    std::exit(1);
}

[[noreturn]] void dieOfErrno(const std::string& operation) {
    die(operation + ": " + std::strerror(errno));
}

/// Finds the ends of answers in the bytes of one connection, and the events of a stream.
class AnswerReader {
public:
    /// Returns how many answers, heads of streams and events `bytes` complete.
    std::size_t append(std::string_view bytes) {
        std::size_t complete = 0;
        while (!bytes.empty()) {
            if (streaming_) {
                return complete + countEvents(bytes);
            }
            if (bodyLeft_ == 0) {
                const std::size_t before = head_.size();
                head_.append(bytes);
                const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
                if (end == std::string::npos) {
                    return complete;
                }
                bytes.remove_prefix(end + 4 - before);
                head_.resize(end + 2);
                readHead();
                head_.clear();
            }
            const std::size_t body = std::min(bodyLeft_, bytes.size());
            bytes.remove_prefix(body);
            bodyLeft_ -= body;
            complete += bodyLeft_ == 0 ? 1 : 0;
        }
        return complete;
    }

private:
    void readHead() {
        if (head_.size() < 13 || head_[9] != '2') {
            die("answered " + head_.substr(0, head_.find('\r')));
        }
        bool sized = false;
        for (std::size_t line = head_.find('\n') + 1; line < head_.size();
             line = head_.find('\n', line) + 1) {
            const char* text = head_.c_str() + line;
            if (strncasecmp(text, "content-length:", 15) == 0) {
                bodyLeft_ = std::strtoull(text + 15, nullptr, 10);
                sized = true;
            } else if (strncasecmp(text, "content-type: text/event-stream", 31) == 0) {
                streaming_ = true;
            }
        }
        if (!sized && !streaming_) {
            die("an answer without Content-Length");
        }
    }

    /// Counts "data:", also one that arrives in pieces. Each event of the benchmark has one such line.
    std::size_t countEvents(std::string_view bytes) {
        constexpr std::string_view kField = "data:";
        std::size_t events = 0;
        for (const char c : bytes) {
            matched_ = c == kField[matched_] ? matched_ + 1 : (c == kField[0] ? 1 : 0);
            if (matched_ == kField.size()) {
                matched_ = 0;
                ++events;
            }
        }
        return events;
    }

    std::string head_;
    std::size_t bodyLeft_ = 0;
    bool streaming_ = false;
    std::size_t matched_ = 0;
};

/// The connections to one port of this machine, and the requests on them.
class Load {
public:
    struct Client {
        int fd = -1;
        bool opened = false;
        bool unanswered = false;
        TimePoint planned;  ///< The time for its last request.
        AnswerReader reader;
    };

    /// `first` is the number of the first pair of event and user.
    Load(std::uint16_t port, std::uint64_t first) : nextPair_(first) {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        tail_ = " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port);
        if (epoll_ < 0) {
            dieOfErrno("epoll_create1");
        }
        sigemptyset(&noSignals_);
    }
    ~Load() { ::close(epoll_); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Called for each answer and event of an opened connection.
    std::function<void(Client&, TimePoint)> onAnswer = [](Client&, TimePoint) {};
    std::function<void()> onLost = [] { die("the server closed a connection"); };

    [[nodiscard]] std::vector<std::unique_ptr<Client>>& clients() { return clients_; }
    [[nodiscard]] std::uint64_t nextPair() const { return nextPair_; }
    [[nodiscard]] std::size_t unanswered() const { return unanswered_; }

    /// Opens connections with one answered POST each, or with a stream of events each. Few at a time are under way, so that
    /// no queue of a server overflows.
    void open(std::size_t count, bool streams = false) {
        constexpr std::size_t kAtOnce = 128;
        const std::size_t wanted = opened_ + count;
        const TimePoint deadline = Clock::now() + seconds(60);
        for (std::size_t begun = opened_; opened_ < wanted;) {
            for (; begun < wanted && begun - opened_ < kAtOnce; ++begun) {
                Client& client = connect();
                if (streams) {
                    send(client, "GET /bench/events" + tail_ + "\r\n\r\n");
                } else {
                    post(client, Clock::now());
                }
            }
            turn(deadline);
            if (Clock::now() > deadline) {
                die("the connections were not open within 60 s");
            }
        }
    }

    void post(Client& client, TimePoint planned) {
        const auto [event, user] = eventAndUser(nextPair_++);
        client.planned = planned;
        send(client,
             "POST /reservation/" + std::to_string(event) + '/' + std::to_string(user) + tail_ +
                 "\r\nContent-Length: 0\r\n\r\n");
    }

    /// Returns the pair with this number; all events have a turn before a user has the next.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> eventAndUser(std::uint64_t number) const {
        return {number % kEvents + 1, number / kEvents % kUsers + 1};
    }

    /// Waits until something arrives, `until` or a signal, and handles what has arrived.
    void turn(TimePoint until) {
        const auto wait =
            std::max(duration_cast<nanoseconds>(until - Clock::now()), nanoseconds(0)).count();
        const timespec timeout{wait / 1000000000, wait % 1000000000};
        epoll_event arrived[256];
        const int count = epoll_pwait2(epoll_, arrived, 256, &timeout, &noSignals_);
        if (count < 0 && errno != EINTR) {
            dieOfErrno("epoll_pwait2");
        }
        for (int i = 0; i < count; ++i) {
            receive(*static_cast<Client*>(arrived[i].data.ptr));
        }
    }

    /// Waits for the answers to all requests.
    void finish() {
        const TimePoint deadline = Clock::now() + seconds(10);
        while (unanswered_ > 0) {
            turn(deadline);
            if (Clock::now() > deadline) {
                die(std::to_string(unanswered_) + " requests had no answer within 10 s");
            }
        }
    }

private:
    Client& connect() {
        Client& client = *clients_.emplace_back(std::make_unique<Client>());
        client.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client.fd < 0 ||
            ::connect(client.fd, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)) != 0) {
            dieOfErrno("connection " + std::to_string(clients_.size()));
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &client;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event) != 0) {
            dieOfErrno("epoll_ctl");
        }
        return client;
    }

    void send(Client& client, const std::string& request) {
        client.unanswered = true;
        ++unanswered_;
        // A request fits into the empty buffer of a socket. A closed connection is found by receive().
        (void)!::send(client.fd, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    void receive(Client& client) {
        char buffer[16384];
        const ssize_t size = ::recv(client.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (size <= 0) {
            onLost();
            ::close(client.fd);
            return;
        }
        const TimePoint now = Clock::now();
        for (std::size_t n = client.reader.append({buffer, static_cast<std::size_t>(size)}); n > 0;
             --n) {
            unanswered_ -= std::exchange(client.unanswered, false) ? 1 : 0;
            if (client.opened) {
                onAnswer(client, now);
            } else {
                client.opened = true;
                ++opened_;
            }
        }
    }

    // As many as run.sh puts into the database.
    static constexpr std::uint64_t kEvents = 100;
    static constexpr std::uint64_t kUsers = 50000;
    const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    sockaddr_in address_{};
    std::string tail_;
    sigset_t noSignals_{};
    std::vector<std::unique_ptr<Client>> clients_;
    std::size_t opened_ = 0;
    std::size_t unanswered_ = 0;
    std::uint64_t nextPair_;
};

/// Measures this program's own processor time, which the servers on the same cores do not get.
class ProcessorTime {
public:
    [[nodiscard]] microseconds used() const { return total() - before_; }

private:
    static microseconds total() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    }

    const microseconds before_ = total();
};

double inMilliseconds(nanoseconds time) {
    return static_cast<double>(time.count()) / 1e6;
}

/// Prints what the answers within `period` show, and the number of the first pair of which no request was sent.
void print(const Load& load,
           std::vector<nanoseconds>& latencies,
           seconds period,
           microseconds processor) {
    if (latencies.empty()) {
        die("no answers");
    }
    std::sort(latencies.begin(), latencies.end());
    const auto share = [&latencies](std::size_t percent) {
        return inMilliseconds(latencies[(latencies.size() * percent + 99) / 100 - 1]);
    };
    const auto count = static_cast<double>(latencies.size());
    std::cout << R"({"answers":)" << latencies.size() << R"(,"perSecond":)"
              << count / static_cast<double>(period.count()) << R"(,"p50Ms":)" << share(50)
              << R"(,"p99Ms":)" << share(99) << R"(,"maxMs":)" << share(100) << R"(,"processorUs":)"
              << static_cast<double>(processor.count()) / count << R"(,"nextPair":)"
              << load.nextPair() << "}\n";
}

/// `spread` is the part of a pause by which it may be shorter or longer.
void think(Load& load, std::size_t connections, milliseconds pause, double spread, seconds period) {
    constexpr seconds kWarmUp{1};
    load.open(connections);
    using Due = std::pair<TimePoint, Load::Client*>;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> pausing;
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> factor(1 - spread, 1 + spread);
    const TimePoint begin = Clock::now();
    for (std::size_t i = 0; i < connections; ++i) {
        // The first pauses end one after the other, as those of clients that have nothing to do with one another.
        pausing.emplace(begin + nanoseconds(pause) * i / connections, load.clients()[i].get());
    }
    const TimePoint from = begin + kWarmUp;
    const TimePoint until = from + period;
    std::vector<nanoseconds> latencies;
    std::unique_ptr<ProcessorTime> processor;
    load.onAnswer = [&](Load::Client& client, TimePoint now) {
        if (now >= from && now < until) {
            latencies.push_back(now - client.planned);
        }
        pausing.emplace(now + duration_cast<nanoseconds>(pause * factor(random)), &client);
    };
    for (TimePoint now = begin; now < until; now = Clock::now()) {
        if (!processor && now >= from) {
            processor = std::make_unique<ProcessorTime>();
        }
        for (; !pausing.empty() && pausing.top().first <= now; pausing.pop()) {
            load.post(*pausing.top().second, pausing.top().first);
        }
        load.turn(pausing.empty() ? until : std::min(until, pausing.top().first));
    }
    const microseconds used = processor ? processor->used() : microseconds(0);
    load.finish();
    print(load, latencies, period, used);
}

void openLoop(
    Load& load, std::size_t connections, std::uint64_t rate, seconds period, std::ostream& file) {
    load.open(connections);
    std::deque<Load::Client*> free;
    for (const auto& client : load.clients()) {
        free.push_back(client.get());
    }
    std::vector<nanoseconds> latencies;
    load.onAnswer = [&](Load::Client& client, TimePoint now) {
        latencies.push_back(now - client.planned);
        free.push_back(&client);
    };
    const std::uint64_t total = rate * static_cast<std::uint64_t>(period.count());
    const std::uint64_t firstPair = load.nextPair();
    const TimePoint begin = Clock::now();
    const auto beginOfUnixTime = std::chrono::system_clock::now().time_since_epoch();
    const auto offset = [rate](std::uint64_t i) {
        return nanoseconds(static_cast<std::int64_t>(i * 1000000000 / rate));
    };
    const ProcessorTime processor;
    for (std::uint64_t i = 0; i < total;) {
        for (const TimePoint now = Clock::now();
             i < total && begin + offset(i) <= now && !free.empty();
             ++i) {
            load.post(*free.front(), begin + offset(i));
            free.pop_front();
        }
        // Without a free connection a request is late, and the wait counts.
        load.turn(free.empty() ? Clock::now() + seconds(1) : begin + offset(i));
    }
    load.finish();
    const microseconds used = processor.used();
    for (std::uint64_t i = 0; i < total; ++i) {
        const auto [event, user] = load.eventAndUser(firstPair + i);
        file << event << ' ' << user << ' '
             << duration_cast<microseconds>(beginOfUnixTime + offset(i)).count() << '\n';
    }
    print(load, latencies, period, used);
}

volatile std::sig_atomic_t ended = 0;

void hold(Load& load, std::size_t idle, std::size_t streams) {
    std::size_t events = 0;
    std::size_t lost = 0;
    load.open(idle);
    load.open(streams, true);
    load.onAnswer = [&events](Load::Client&, TimePoint) { ++events; };
    load.onLost = [&lost] { ++lost; };
    const TimePoint begin = Clock::now();
    const ProcessorTime processor;
    std::cout << "ready" << std::endl;
    while (ended == 0) {
        load.turn(Clock::now() + seconds(60));
    }
    const double time = inMilliseconds(Clock::now() - begin) / 1000;
    std::cout << R"({"connections":)" << idle + streams << R"(,"lost":)" << lost
              << R"(,"eventsPerStreamAndSecond":)"
              << static_cast<double>(events) / time / static_cast<double>(streams)
              << R"(,"processorPercent":)" << inMilliseconds(processor.used()) / 10 / time << "}\n";
}

/// Raises the soft limit of descriptors as far as it goes. A lack of them shows when a socket is made.
void raiseDescriptors() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    const auto number = [argc, argv](int i) {
        char* end = nullptr;
        const std::uint64_t value = i < argc ? std::strtoull(argv[i], &end, 10) : 0;
        if (i >= argc || end == argv[i] || *end != '\0') {
            die("argument " + std::to_string(i) + " is to be a number");
        }
        return value;
    };
    raiseDescriptors();
    // TERM arrives only while the program waits.
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, nullptr);

    const auto port = static_cast<std::uint16_t>(number(2));
    if (mode == "think" && argc == 8) {
        Load load(port, number(7));
        think(load,
              number(3),
              milliseconds(number(4)),
              static_cast<double>(number(5)) / 100,
              seconds(number(6)));
    } else if (mode == "open" && argc == 8) {
        Load load(port, number(6));
        std::ofstream file(argv[7]);
        openLoop(load, number(3), number(4), seconds(number(5)), file);
        if (!file.flush()) {
            die(std::string("cannot write ") + argv[7]);
        }
    } else if (mode == "hold" && argc == 5) {
        struct sigaction action {};
        action.sa_handler = [](int) { ended = 1; };
        sigaction(SIGTERM, &action, nullptr);
        Load load(port, 0);
        hold(load, number(3), number(4));
    } else {
        die("think, open or hold, with the arguments that the source names");
    }
    return 0;
}
