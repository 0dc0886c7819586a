/*
 * The binary interface between the drover engine and a handler plugin. Plain C: a plugin built by another compiler,
 * or against an older minor version, works as well. C++ authors use Handler.h, which is made of nothing but this
 * file.
 *
 * A plugin is a shared object that exports one function, `drover_plugin`. It returns a descriptor that lives as long as
 * the process: a plugin is never unloaded.
 *
 * Rules that hold everywhere below
 *   Text        UTF-8 in drover_bytes: pointer and length, not NUL-terminated. JSON where noted.
 *   Memory      is freed by the side that allocated it. Bytes handed to a function are valid during that call only, in
 *               both directions: copy them for later use.
 *   Growth      every struct starts with its size. A newer minor version appends members; read a member only if the size
 *               covers it. Arrays hold pointers, so that elements may grow. Reserved members are zero.
 *   Exceptions  never cross this boundary in either direction.
 *   Threads     one handler instance is used by one thread at a time. Host functions may be called from any thread while
 *               process() or outcome_of() runs, and not afterwards, but for `write_log`, which may be called always.
 *   Processes   every host call is a request with bytes and an answer with bytes, so that a child process can serve it.
 */
#ifndef DROVER_PLUGIN_ABI_H
#define DROVER_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN: plain C, in C names. */
#ifdef __cplusplus
extern "C" {
#endif

#define DROVER_ABI_MAGIC UINT32_C(0x44525652) /* "DRVR" */
/* A loader accepts a plugin whose major is its own and whose minor is not newer than its own. */
#define DROVER_ABI_MAJOR 1
#define DROVER_ABI_MINOR 1

typedef struct drover_bytes {
    const char* data;
    size_t size;
} drover_bytes;

/* Receives bytes that the other side owns; called at most once, during the call it was handed to. */
typedef void (*drover_sink)(void* context, drover_bytes bytes);

/* One job as it was claimed. Numbers are what the job's hash held after the claim. */
typedef struct drover_job {
    uint32_t struct_size;
    int32_t attempts_made;    /* finished attempts before this one (field atm); 0 in the first */
    int32_t attempts_started; /* times moved to active, this one included (field ats) */
    int32_t stalled_count;    /* times it was found stalled (field stc) */
    int32_t attempts;         /* attempts allowed (opts.attempts); 0 counts as 1 */
    int32_t priority;         /* 0: none */
    int64_t timestamp_ms;     /* when it was added, epoch milliseconds */
    int64_t delay_ms;         /* field delay */
    drover_bytes id;
    drover_bytes name;
    drover_bytes queue;      /* qualified: "<prefix>:<queue>" */
    drover_bytes data;       /* JSON, byte for byte as in Redis */
    drover_bytes opts;       /* JSON, stored form (short names) */
    drover_bytes parent_key; /* "<prefix>:<queue>:<id>" of the parent job; empty: none */
    drover_bytes scheduler;  /* id of the job scheduler that made it; empty: none */
    drover_bytes deduplication_id;
    drover_bytes progress; /* JSON; empty: never set */

    /* Since minor 1. */
    int64_t processed_on_ms;    /* when it was moved to active this time, epoch milliseconds */
    drover_bytes token;         /* proof that this worker holds the job: the value of its lock */
    drover_bytes stacktrace;    /* JSON array of strings, one per failed attempt; empty: none */
    drover_bytes failed_reason; /* of the attempt before; empty: none */
    drover_bytes
        parent; /* JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}; empty: none */
} drover_job;

/* One run of process() or outcome_of(); opaque, dies when that function returns. */
typedef struct drover_call drover_call;

/* The answers of host functions. */
enum {
    DROVER_OK = 0,
    DROVER_E_ARGUMENT =
        1, /* no such job index, not JSON, not UTF-8, not of the form that is described */
    DROVER_E_TWICE = 2, /* this job has an outcome already; the first one stands */
    DROVER_E_LOST =
        3, /* another worker holds the job, or it is gone (lock lost, job removed): stop */
    DROVER_E_UNAVAILABLE =
        4, /* Redis cannot be reached now; nothing is known to have been written */
    DROVER_E_UNSUPPORTED = 5 /* this host does not offer the function (yet) */
};

enum drover_log_level {
    DROVER_LOG_DEBUG = 0,
    DROVER_LOG_INFO = 1,
    DROVER_LOG_WARNING = 2,
    DROVER_LOG_ERROR = 3
};

/* Why a job's cancel token is set. */
enum {
    DROVER_NOT_CANCELLED = 0,
    DROVER_CANCELLED_LOST = 1,    /* the lock was lost: whatever is returned is discarded */
    DROVER_CANCELLED_TIMEOUT = 2, /* the handler's soft timeout passed */
    DROVER_CANCELLED_REMOTE = 3,  /* `drover job cancel` */
    DROVER_CANCELLED_SHUTDOWN = 4 /* the process stops now and the grace time is over */
};

/* The functions of the engine. `job` is an index into the array handed to process(); every function is thread-safe.
 *
 * The outcome functions decide a job; the first one called for a job counts. A job left without an
 * outcome is handed back to its queue without costing an attempt. */
typedef struct drover_host_api {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* Outcomes. */

    /* Done. `result` is JSON; empty means null. */
    int32_t (*complete)(drover_call*, uint32_t job, drover_bytes result);
    /* The job's fault: the attempt counts, a retry follows by the job's backoff, or it fails for good.
     * `trace`: one line per nested exception, may be empty. `unrecoverable` != 0: no attempt will help. */
    int32_t (*fail)(
        drover_call*, uint32_t job, drover_bytes reason, drover_bytes trace, int32_t unrecoverable);
    /* The fault of infrastructure: handed back, costs no attempt; the handler's breaker opens for at least retry_after_ms
     * (0: the engine's own backoff). */
    int32_t (*unavailable)(drover_call*, uint32_t job, drover_bytes reason, int64_t retry_after_ms);
    /* Back to the delayed set until an epoch time in ms; no attempt is counted. */
    int32_t (*move_to_delayed)(drover_call*, uint32_t job, int64_t until_ms);
    /* Back to the head of the queue; no attempt is counted. */
    int32_t (*move_to_wait)(drover_call*, uint32_t job);
    /* Sleeps until its children are done, then runs again from the start. If none is pending the job is run again at
     * once. */
    int32_t (*move_to_waiting_children)(drover_call*, uint32_t job);
    /* The job goes back to the head of the queue and the queue's limiter closes for duration_ms. */
    int32_t (*rate_limit)(drover_call*, uint32_t job, int64_t duration_ms);

    /* While it runs. Each is one round trip to Redis. */

    int32_t (*update_progress)(drover_call*, uint32_t job, drover_bytes json);
    int32_t (*update_data)(drover_call*, uint32_t job, drover_bytes json);
    /* Appends a row to the job's own log (key <job>:logs), which dashboards show. */
    int32_t (*add_log)(drover_call*, uint32_t job, drover_bytes row);
    /* Adds jobs with this job as parent. `children` is a JSON array of
     * {"queue": qualified name, "name": string, "data": any, "opts": object}; the sink receives the JSON array of their
     * ids. */
    int32_t (*add_children)(
        drover_call*, uint32_t job, drover_bytes children, drover_sink, void* context);
    /* The results of finished children: JSON object, child job key to result. */
    int32_t (*children_values)(drover_call*, uint32_t job, drover_sink, void* context);

    /* Cancel token. */

    /* DROVER_NOT_CANCELLED, or why the handler should stop. Reads one flag: cheap enough for a loop. */
    int32_t (*cancelled)(drover_call*, uint32_t job);
    /* Sleeps up to timeout_ms, less if the token is set; returns what cancelled() returns. */
    int32_t (*wait_cancelled)(drover_call*, uint32_t job, int64_t timeout_ms);

    /* The process. */

    /* One line in the engine's log, with the plugin's name. May be called at any time, with any call or none. For a line
     * about a job: write_log_about. */
    void (*write_log)(const char* plugin, int32_t level, drover_bytes text);
    /* Extension point: a named request with bytes and an answer with bytes; DROVER_E_UNSUPPORTED for an unknown name.
     * "trace_context", without a body, reads the context of the job's span. The sink receives the JSON object
     * {"traceparent": string, "tracestate": string} with the headers of W3C Trace Context, of which the second may be missing;
     * nothing if there are no traces. */
    int32_t (*request)(drover_call*,
                       uint32_t job,
                       drover_bytes name,
                       drover_bytes body,
                       drover_sink,
                       void* context);

    /* Since minor 1. */

    /* Hands the words of the person or program that cancelled the job to the sink: UTF-8, empty if the job is not
     * cancelled, or was cancelled without words. */
    int32_t (*cancel_reason)(drover_call*, uint32_t job, drover_sink, void* context);
    /* As move_to_delayed, for a job that infrastructure refuses, through no fault of the job, while it serves other jobs.
     * Health counts such jobs and shows the last reason; without a reason it is move_to_delayed. */
    int32_t (*put_off)(drover_call*, uint32_t job, int64_t until_ms, drover_bytes reason);
    /* Writes one line about a job to the engine's log. Its fields are the job's queue, id, name and attempt, the plugin and
     * the worker, so that the text needs no ids. The rows of add_log lie in Redis instead. */
    int32_t (*write_log_about)(drover_call*, uint32_t job, int32_t level, drover_bytes text);
    /* Adds jobs to any queues of the same Redis. `jobs` is a JSON array of
     * {"queue": string, "name": string, "data": any, "opts": object}. "queue" is the name of a queue with the prefix of this job's
     * own, or "<prefix>:<queue>"; without it the job goes to this job's own queue. "data" may be missing, as may "opts", which
     * has BullMQ's names of options. The jobs for one queue are one atomic script, up to 512 of them.
     * The sink receives a JSON array with one object per job, in order: {"status": "added", "id": string}, or
     * {"status": string, "code": int, "message": string}. "rejected": it cannot be added so; the code is -5 (no such parent), -7
     * (the parent cannot be replaced), or 0 (a bad option, which the message names). "unavailable": not sent. "unknown":
     * the reply was lost, it may have been added. DROVER_E_ARGUMENT: not an array, and the sink receives why.
     * DROVER_E_UNAVAILABLE: none was sent.
     * What Redis has added stays, whatever becomes of this job. A job that runs again adds again: an option "jobId" makes sure
     * that there is one. After the lock is lost the answer is DROVER_E_LOST, and nothing is added. */
    int32_t (*add_jobs)(drover_call*, uint32_t job, drover_bytes jobs, drover_sink, void* context);
    /* Reads the whole job as it is now. The sink receives what JSON.stringify(job) shows in BullMQ, with stacktrace,
     * failedReason, processedBy, parent and all options under their public names. */
    int32_t (*stored_job)(drover_call*, uint32_t job, drover_sink, void* context);
    /* As move_to_waiting_children, unless the child with this job key ("<prefix>:<queue>:<id>") is done: then the job is run
     * again at once. As in BullMQ it sleeps until all of its children are done. */
    int32_t (*move_to_waiting_child)(drover_call*, uint32_t job, drover_bytes child_key);
    /* As add_log; *rows becomes the number of rows that the log has now. `rows` may be NULL. */
    int32_t (*append_log)(drover_call*, uint32_t job, drover_bytes row, int64_t* rows);
    /* Reads the job's children. `pages` empty: all of them. Else it is a JSON object with a member for each kind to read,
     * {"processed" | "unprocessed" | "ignored" | "failed": {"cursor": int, "count": int}}, where the cursor is 0 at first (its
     * default) and count (20) a rough number. The sink receives {"processed": {child job key: result}, "unprocessed": [job key],
     * "ignored": {job key: reason of its failure}, "failed": [job key]}, and for each page "nextProcessedCursor" and so on: 0
     * after the last one. DROVER_E_ARGUMENT: the sink receives why. */
    int32_t (*dependencies)(
        drover_call*, uint32_t job, drover_bytes pages, drover_sink, void* context);
    /* The sink receives {"processed": int, "unprocessed": int, "ignored": int, "failed": int}. */
    int32_t (*dependencies_count)(drover_call*, uint32_t job, drover_sink, void* context);
    /* The children that failed, with their reasons. The sink receives {"failed": {child job key: reason, or null if that job has
     * been removed}, "ignored": {child job key: reason}}: those that fail this job, and those whose failure it ignores. */
    int32_t (*failed_children)(drover_call*, uint32_t job, drover_sink, void* context);
    /* Removes the children that have not ended, with the jobs below them; a child that a worker holds stays. *removed becomes how
     * many jobs were removed; `removed` may be NULL. Several calls to Redis remove many children. */
    int32_t (*remove_unprocessed_children)(drover_call*, uint32_t job, int64_t* removed);
    /* Adds a job scheduler, or gives the one of that id this rule and these jobs. `scheduler` is a JSON object {"queue": string,
     * "id": string, "repeat": object, "template": object}, where "queue" is as in add_jobs, "repeat" as in BullMQ's
     * upsertJobScheduler(), and "template", which may be missing, {"name": string, "data": any, "opts": object}. The sink receives
     * {"jobId": string, "dueMs": int}, the next run, or null if the rule has none: then nothing has changed.
     * DROVER_E_ARGUMENT: nothing has changed, and the sink receives why. */
    int32_t (*upsert_scheduler)(
        drover_call*, uint32_t job, drover_bytes scheduler, drover_sink, void* context);
    /* Removes a job scheduler and its pending job. `scheduler` is a JSON object {"queue": string, "id": string}. The sink receives
     * true, or false if there is none. */
    int32_t (*remove_scheduler)(
        drover_call*, uint32_t job, drover_bytes scheduler, drover_sink, void* context);
} drover_host_api;

/* Whether a host has a function: DROVER_HOST_HAS(host, add_jobs). A plugin whose descriptor has the minor of its header is
 * refused by every older engine, so it need not look. One that can do without newer functions puts an older abi_minor into its
 * descriptor, and looks before it calls. */
#define DROVER_HOST_HAS(host, function) \
    ((host)->struct_size >= offsetof(drover_host_api, function) + sizeof((host)->function))
/* The same for a member of a drover_job. */
#define DROVER_JOB_HAS(job, member) \
    ((job)->struct_size >= offsetof(drover_job, member) + sizeof((job)->member))

enum drover_config_type {
    DROVER_CONFIG_STRING = 0,
    DROVER_CONFIG_INT = 1, /* int64, decimal */
    DROVER_CONFIG_DOUBLE = 2,
    DROVER_CONFIG_BOOL = 3, /* "true" or "false" */
};

enum {
    DROVER_CONFIG_REQUIRED = 1,
    DROVER_CONFIG_SECRET = 2, /* never shown in a log, an error or `drover config show` */
    DROVER_CONFIG_SHARED =
        4, /* `name` is the whole key ("database.url"), not one below the plugin's name */
    DROVER_CONFIG_RELOADABLE = 8 /* a reload may change it: then `configure` is called */
};

/* A key of the plugin's configuration: `<plugin>.<name>` in .properties files. The engine checks type and range before
 * the plugin sees a value, and refuses keys below the plugin's name that it does not declare. */
typedef struct drover_config_key {
    uint32_t struct_size;
    int32_t type; /* enum drover_config_type */
    uint32_t flags;
    uint32_t reserved;
    int64_t minimum, maximum;  /* of an int, or of a double; both 0: no range */
    const char* name;          /* the unit is in the name, as in "timeoutMs" */
    const char* default_value; /* as in a file; NULL: none */
    const char* description;   /* one sentence */
} drover_config_key;

/* The checked values, in the order of the declared keys; a key without value and default has size 0 and data NULL. */
typedef struct drover_config {
    uint32_t struct_size;
    uint32_t count;
    const drover_bytes* values;
} drover_config;

/* One kind of jobs that a plugin can run. */
typedef struct drover_handler {
    uint32_t struct_size;
    uint32_t batch_max; /* most jobs that process() gets at once; 1: a plain handler */
    const char* name;   /* unique within the plugin */
    const char* const*
        job_names; /* the names it serves; count 0: every name that no other handler of the queue serves */
    uint32_t job_name_count;
    uint32_t reserved;
    const char*
        default_queue; /* alias under queue.* in the configuration, or else the queue's own name */
    const char*
        default_options; /* JSON object of queue settings, e.g. {"maxStalledCount": 10}; NULL: none */

    /* Makes one instance; called on the thread that will use it. NULL: refused, with the reason in the sink. */
    void* (*create)(const drover_host_api*, const drover_config*, drover_sink error, void* context);
    void (*destroy)(void* instance);
    /* Runs n >= 1 jobs, n <= batch_max; every job gets an outcome by a host function before it returns. */
    void (*process)(void* instance, drover_call*, const drover_job* const* jobs, uint32_t n);
    /* Optional (NULL: none). Called before a job is failed for stalling too often: its effect may be there already. Sets
     * an outcome, or leaves the job alone if the effect is unknown. */
    void (*outcome_of)(void* instance, drover_call*, const drover_job*);
    /* Optional. The handler's own backoff, for jobs whose backoff type is not built in: ms to wait after
     * `attempts_made` failed attempts (counted from 1), 0 retries at once, -1 fails for good. */
    int64_t (*backoff)(void* instance,
                       const drover_job*,
                       int32_t attempts_made,
                       drover_bytes type,
                       drover_bytes reason);
    /* Optional. A reload changed reloadable keys; called between two process() calls of this instance. */
    void (*configure)(void* instance, const drover_config*);
} drover_handler;

typedef struct drover_plugin_descriptor {
    uint32_t magic; /* DROVER_ABI_MAGIC */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t struct_size;
    uint32_t handler_count;
    const drover_handler* const* handlers;
    const drover_config_key* const* config_keys;
    uint32_t config_key_count;
    uint32_t reserved;
    const char* name; /* [A-Za-z][A-Za-z0-9_-]{0,63}; also the prefix of its configuration keys */
    const char* version; /* shown in stack traces and lists */
    const char* description;
    /* Optional. Called once per process, before any create; != 0 refuses the plugin, with the reason in the sink. */
    int32_t (*init)(const drover_host_api*, const drover_config*, drover_sink error, void* context);
    /* Optional. Called once, after every instance is destroyed. */
    void (*shutdown)(void);
} drover_plugin_descriptor;

#define DROVER_PLUGIN_SYMBOL "drover_plugin"
typedef const drover_plugin_descriptor* (*drover_plugin_function)(void);

#if defined(__GNUC__)
#define DROVER_EXPORT __attribute__((visibility("default")))
#else
#define DROVER_EXPORT
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
/* NOLINTEND */

#endif /* DROVER_PLUGIN_ABI_H */
