#include "ReserveEventHandler.h"

namespace {

drover::ConfigKey databaseUrl() {
    drover::ConfigKey key;
    key.name = "database.url";
    key.required = true;
    key.secret = true;
    key.shared = true;
    key.description =
        "Where the reservations are: postgresql://user:password@host:port/database?schema=name.";
    return key;
}

drover::ConfigKey databaseStatements() {
    drover::ConfigKey key;
    key.name = "database.statements";
    key.defaultValue = "auto";
    key.shared = true;
    key.description = "Whether prepared statements have names: auto, named or unnamed.";
    return key;
}

drover::ConfigKey milliseconds(const char* name, const char* value, const char* description) {
    drover::ConfigKey key;
    key.name = name;
    key.type = drover::ConfigType::Integer;
    key.defaultValue = value;
    key.minimum = 10;
    key.maximum = 600000;
    key.description = description;
    return key;
}

drover::HandlerOptions reserveEvent() {
    drover::HandlerOptions options;
    options.queue = "reservation";
    options.batchMax = 500;
    // An innocent job can stall together with one that crashes the process.
    options.defaultOptions = R"({"maxStalledCount": 10, "batchSize": 250, "concurrency": 1000})";
    return options;
}

}  // namespace

DROVER_PLUGIN(drover::plugin("reservation", "0.1.0")
                  .describe("Reserves seats of events, each request exactly once")
                  .key(databaseUrl())
                  .key(databaseStatements())
                  .key(milliseconds("statementTimeoutMs",
                                    "5000",
                                    "The database ends the statement of a batch after this."))
                  .key(milliseconds("lockTimeoutMs",
                                    "2000",
                                    "How long a batch waits for the lock of an event."))
                  .handler<drover::reservation::ReserveEventHandler>("reserveEvent",
                                                                     reserveEvent()))
