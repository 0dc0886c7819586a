#include "store/Migrations.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <utility>

#include <Poco/DigestEngine.h>
#include <Poco/SHA2Engine.h>

#include "drover/Exceptions.h"
#include "store/Transaction.h"

namespace drover::store {

namespace {

namespace fs = std::filesystem;

// Held while a process migrates; the number is arbitrary, and has to be the same in every version. The transaction holds it,
// not the session: behind a pooler a session's lock would stay with a server connection of other clients.
const char* const kLock = "SELECT pg_advisory_xact_lock(7233173830195)";

std::string readFile(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in && text.empty()) {
        throw ConfigException("migration " + path.string() + " cannot be read");
    }
    return text;
}

std::string sha256(const std::string& text) {
    Poco::SHA2Engine engine(Poco::SHA2Engine::SHA_256);
    engine.update(text);
    return Poco::DigestEngine::digestToHex(engine.digest());
}

[[noreturn]] void refuseTwins(const std::string& first,
                              const std::string& second,
                              const std::string& folder) {
    throw ConfigException("migrations " + first + " and " + second + " in " + folder +
                          " have the same number");
}

[[noreturn]] void refuseHalf(const std::string& name,
                             const std::string& missing,
                             const std::string& folder) {
    throw ConfigException("migration " + name + " in " + folder + " has no " + missing + " file");
}

/// Runs a migration's text and its record in the transaction that is open.
void run(Session& session,
         const std::string& name,
         const std::string& sql,
         const std::string& record,
         const Params& params) {
    session.script(sql);
    // A COMMIT in the file would leave the record outside of its transaction.
    if (!session.inTransaction()) {
        throw StoreException("migration " + name +
                             " ends its transaction itself; it must hold no BEGIN or COMMIT");
    }
    session.execute(record, params);
}

}  // namespace

Migrations::Migrations(SessionSettings settings, const std::string& folder)
    : settings_(std::move(settings)), folder_(folder) {
    // A change may rewrite a table, and waits for sessions that use it.
    settings_.statementTimeout = std::chrono::milliseconds{0};
    settings_.lockTimeout = std::chrono::milliseconds{0};

    static const std::regex kForm(R"((\d{4})_([a-z0-9_]+)\.(up|down)\.sql)");
    std::error_code error;
    std::map<std::string, std::set<std::string>> directions;
    std::map<int, std::string> names;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string file = entry.path().filename();
        std::smatch match;
        if (!std::regex_match(file, match, kForm)) {
            // Other files, such as demo data, may lie beside; a number at the start marks a migration.
            if (std::regex_search(file, std::regex(R"(^\d)"))) {
                throw ConfigException(
                    "migration " + entry.path().string() +
                    ": the name has not the form NNNN_name.up.sql or NNNN_name.down.sql");
            }
            continue;
        }
        const int version = std::stoi(match[1]);
        const std::string name = match[1].str() + "_" + match[2].str();
        const auto [known, isNew] = names.emplace(version, name);
        if (!isNew && known->second != name) {
            refuseTwins(known->second, name, folder);
        }
        directions[name].insert(match[3]);
    }
    if (error || names.empty()) {
        throw ConfigException("folder " + folder + " holds no migrations" +
                              (error ? ": " + error.message() : ""));
    }
    for (const auto& [version, name] : names) {
        if (directions[name].size() != 2) {
            refuseHalf(name, directions[name].count("up") == 0 ? "up" : "down", folder);
        }
        files_.push_back(readPair(version, name));
    }
}

Migrations::File Migrations::readPair(int version, const std::string& name) const {
    const std::string stem = folder_ + "/" + name;
    File file{version, name, readFile(stem + ".up.sql"), readFile(stem + ".down.sql"), ""};
    file.checksum = sha256(file.up);
    return file;
}

std::vector<Migrations::Entry> Migrations::status() const {
    Session session(settings_);
    return compare(records(session));
}

std::vector<std::string> Migrations::migrate() const {
    Session session(settings_);
    {
        Transaction transaction(session);
        session.execute(kLock);
        prepareDatabase(session);
        transaction.commit();
    }
    std::vector<std::string> applied;
    while (const auto name = applyNext(session)) {
        applied.push_back(*name);
    }
    return applied;
}

std::optional<std::string> Migrations::applyNext(Session& session) const {
    Transaction transaction(session);
    session.execute(kLock);
    // Read under the lock: another process may have applied some since.
    const std::vector<Entry> entries = compare(records(session));
    requireSound(entries);
    const auto next = std::find_if(entries.begin(), entries.end(), [](const Entry& entry) {
        return entry.state == State::Pending;
    });
    if (next == entries.end()) {
        return std::nullopt;
    }
    const File* file = find(next->version);
    run(session,
        file->name,
        file->up,
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        Params().bigint(file->version).text(file->name).text(file->checksum));
    transaction.commit();
    return file->name;
}

std::optional<std::string> Migrations::revertLast() const {
    Session session(settings_);
    Transaction transaction(session);
    session.execute(kLock);
    const std::vector<Record> known = records(session);
    if (known.empty()) {
        return std::nullopt;
    }
    requireSound(compare(known));
    const File* file = find(known.back().version);
    run(session,
        file->name,
        file->down,
        "DELETE FROM schema_migrations WHERE version = $1",
        Params().bigint(file->version));
    transaction.commit();
    return file->name;
}

std::vector<Migrations::Record> Migrations::records(Session& session) const {
    std::vector<Record> records;
    // Looked up by name, not created: status() works for a user with the right to read alone.
    if (session.execute("SELECT to_regclass('schema_migrations')::text").isNull(0, 0)) {
        return records;
    }
    const Result rows = session.execute(
        "SELECT version, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', "
        "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        " FROM schema_migrations ORDER BY version");
    for (int row = 0; row < rows.rows(); ++row) {
        records.push_back({static_cast<int>(rows.bigint(row, 0)),
                           std::string(rows.text(row, 1)),
                           std::string(rows.text(row, 2)),
                           std::string(rows.text(row, 3))});
    }
    return records;
}

std::vector<Migrations::Entry> Migrations::compare(const std::vector<Record>& records) const {
    std::map<int, Entry> entries;
    for (const File& file : files_) {
        entries[file.version] = {file.version, file.name, State::Pending, std::nullopt};
    }
    for (const Record& record : records) {
        const File* file = find(record.version);
        State state = State::Applied;
        if (file == nullptr || file->name != record.name) {
            state = State::Missing;
        } else if (file->checksum != record.checksum) {
            state = State::Edited;
        }
        entries[record.version] = {record.version, record.name, state, record.appliedAt};
    }
    std::vector<Entry> sorted;
    sorted.reserve(entries.size());
    for (auto& [version, entry] : entries) {
        sorted.push_back(std::move(entry));
    }
    return sorted;
}

void Migrations::requireSound(const std::vector<Entry>& entries) const {
    const std::string database = "database " + settings_.url.target();
    const Entry* pending = nullptr;
    for (const Entry& entry : entries) {
        if (entry.state == State::Missing) {
            throw StoreException("migration " + entry.name + " is applied in " + database +
                                 " since " + entry.appliedAt.value_or("?") + ", and folder " +
                                 folder_ + " has no such file");
        }
        if (entry.state == State::Edited) {
            throw StoreException("migration " + entry.name + " was applied in " + database +
                                 " on " + entry.appliedAt.value_or("?") + ", and its file in " +
                                 folder_ +
                                 " was edited since: put it back and write a new migration");
        }
        if (entry.state == State::Pending) {
            pending = pending == nullptr ? &entry : pending;
        } else if (pending != nullptr) {
            throw StoreException("migration " + pending->name + " in " + folder_ +
                                 " is pending, and " + database + " has the later " + entry.name +
                                 " already: give it a higher number");
        }
    }
}

const Migrations::File* Migrations::find(int version) const {
    const auto found = std::find_if(files_.begin(), files_.end(), [version](const File& file) {
        return file.version == version;
    });
    return found == files_.end() ? nullptr : &*found;
}

void Migrations::prepareDatabase(Session& session) const {
    if (!settings_.url.schema.empty()) {
        session.execute("SELECT set_config('client_min_messages', 'warning', true)");
        const Result quoted =
            session.execute("SELECT quote_ident($1)", Params().text(settings_.url.schema));
        session.execute("CREATE SCHEMA IF NOT EXISTS " + std::string(quoted.text(0, 0)));
    }
    session.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version integer CONSTRAINT schema_migrations_pkey PRIMARY KEY,"
        " name text NOT NULL,"
        " checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())");
}

}  // namespace drover::store
