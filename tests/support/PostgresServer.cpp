#include "support/PostgresServer.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include "support/TestCertificate.h"

namespace drover::test {

namespace {

const char* const kPrograms = "/usr/lib/postgresql/15/bin";

}  // namespace

PostgresServer::PostgresServer(const TestCertificate* certificate, const std::string& access)
    : port_(freePort()), user_(getuid() == 0 ? "postgres" : "") {
    const std::string initdb = findProgram("initdb", {kPrograms});
    programs_ = initdb.substr(0, initdb.rfind('/'));
    folder_ = makeTempFolder("drover-pg-");
    runProgram({initdb,
                "-D",
                folder_ + "/data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync"});
    if (certificate != nullptr) {
        copyIntoData(certificate->certificate(), "server.crt");
        copyIntoData(certificate->key(), "server.key");
        // The same file for clients whose certificate is the server's.
        alterSystem("ssl = on\nssl_ca_file = 'server.crt'\n");
        if (!access.empty()) {
            std::ofstream(folder_ + "/data/pg_hba.conf", std::ios::trunc) << access << '\n';
        }
    }
    start();
}

PostgresServer::PostgresServer(Standby /*kind*/, const PostgresServer& primary)
    : port_(freePort()),
      folder_(makeTempFolder("drover-pg-")),
      user_(primary.user_),
      programs_(primary.programs_) {
    runProgram({findProgram("pg_basebackup", {programs_}),
                "-h",
                "127.0.0.1",
                "-p",
                std::to_string(primary.port_),
                "-U",
                "postgres",
                "-D",
                folder_ + "/data",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync"});
    start();
}

PostgresServer::~PostgresServer() {
    stop();
    removeTree(folder_);
}

std::string PostgresServer::url(const std::string& database, int port, int secondPort) {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port) +
           (secondPort == 0 ? "" : ",127.0.0.1:" + std::to_string(secondPort)) + "/" + database;
}

void PostgresServer::signalAll(int number) const {
    // Backends are sessions of their own: found as the postmaster's children.
    const std::string pid = std::to_string(process_.pid());
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    for (pid_t child = 0; children >> child;) {
        kill(child, number);
    }
    process_.signal(number);
}

std::unique_ptr<PostgresServer> PostgresServer::makeStandby() {
    std::unique_ptr<PostgresServer> standby(new PostgresServer(Standby{}, *this));
    awaitsStandby_ = true;
    alterSystem("synchronous_standby_names = '*'\n");
    process_.signal(SIGHUP);
    return standby;
}

void PostgresServer::promote() {
    runProgram({programs_ + "/pg_ctl", "promote", "--wait", "-D", folder_ + "/data"});
}

void PostgresServer::alterSystem(const std::string& settings) const {
    std::ofstream file(folder_ + "/data/postgresql.auto.conf", std::ios::trunc);
    file << settings;
    if (!file.flush()) {
        throw std::runtime_error("cannot write postgresql.auto.conf in " + folder_);
    }
}

void PostgresServer::copyIntoData(const std::string& from, const std::string& name) const {
    const std::string to = folder_ + "/data/" + name;
    std::filesystem::copy_file(from, to);
    const passwd* const owner = user_.empty() ? nullptr : getpwnam(user_.c_str());
    if (owner != nullptr && chown(to.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
        throw std::runtime_error("cannot give " + to + " to " + user_);
    }
}

void PostgresServer::start() {
    if (awaitsStandby_) {
        // The standby of before may be a server of its own by now: nothing would ever be committed.
        alterSystem("");
        awaitsStandby_ = false;
    }
    process_.start({programs_ + "/postgres",
                    "-D",
                    folder_ + "/data",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    std::to_string(port_),
                    "-k",
                    folder_,
                    "-c",
                    "timezone=UTC",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_connections=200"},
                   folder_ + "/log",
                   user_);
    const std::string check = programs_ + "/pg_isready -q -h 127.0.0.1 -p " + std::to_string(port_);
    process_.waitUntil([&check] { return std::system(check.c_str()) == 0; },
                       std::chrono::seconds(30));
}

void PostgresServer::stop(int signal) {
    process_.stop(signal);
}

PostgresServer::Backup PostgresServer::backUp() {
    Backup backup{folder_ + "/backup-" + std::to_string(++backups_)};
    runProgram({findProgram("pg_basebackup", {programs_}),
                "-h",
                "127.0.0.1",
                "-p",
                std::to_string(port_),
                "-U",
                "postgres",
                "-D",
                backup.folder,
                "--checkpoint=fast",
                "--no-sync"});
    return backup;
}

void PostgresServer::rewind(const Backup& backup) {
    stop(SIGQUIT);
    removeTree(folder_ + "/data");
    // By the cluster's user, who must own the files.
    runProgram({"cp", "-a", backup.folder, folder_ + "/data"});
    start();
}

std::string PostgresServer::dump(const std::string& database) {
    const std::string path = folder_ + "/dump.sql";
    // INSERT instead of COPY, whose rows are not statements.
    runProgram({findProgram("pg_dump", {programs_}),
                "-h",
                "127.0.0.1",
                "-p",
                std::to_string(port_),
                "-U",
                "postgres",
                "--clean",
                "--if-exists",
                "--rows-per-insert=1000",
                "-f",
                path,
                database});
    std::ifstream file(path);
    std::string statements;
    for (std::string line; std::getline(file, line);) {
        // Lines for psql itself, such as \restrict.
        if (line.rfind('\\', 0) != 0) {
            statements += line + '\n';
        }
    }
    return statements;
}

void PostgresServer::trustClients(bool trust) {
    const char* const method = trust ? "trust" : "scram-sha-256";
    std::ofstream file(folder_ + "/data/pg_hba.conf", std::ios::trunc);
    file << "host all all 127.0.0.1/32 " << method << "\nhost replication all 127.0.0.1/32 "
         << method << '\n';
    if (!file.flush()) {
        throw std::runtime_error("cannot write pg_hba.conf in " + folder_);
    }
    process_.signal(SIGHUP);
}

void PostgresServer::runProgram(const std::vector<std::string>& command) {
    ServerProcess program;
    program.start(command, folder_ + "/log", user_);
    while (program.running()) {
        usleep(20000);
    }
    if (program.stop(0) != 0) {
        throw std::runtime_error(command.front() + " failed, see " + folder_ + "/log");
    }
}

PostgresServer& PostgresServer::shared() {
    static PostgresServer server;
    return server;
}

}  // namespace drover::test
