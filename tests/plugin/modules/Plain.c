/* A plugin in plain C, of the C header alone. It works as it stands; each DEFECT_ macro breaks one thing about it. */
#include <drover/PluginAbi.h>
#include <stdlib.h>
#include <string.h>

#ifdef DEFECT_HANGS
#define DEFECT_AT_LOAD \
    for (;;) {         \
    }
#endif
#ifdef DEFECT_AT_LOAD
__attribute__((constructor)) static void at_load(void) {
    DEFECT_AT_LOAD;
}
#endif
#ifdef DEFECT_UNDEFINED
void nobody_has_this(void);
#endif
#ifdef DEFECT_STATIC_TLS
__attribute__((tls_model("initial-exec"))) static __thread char block[65536];
#endif

static drover_bytes text(const char* string) {
    drover_bytes bytes;
    bytes.data = string;
    bytes.size = strlen(string);
    return bytes;
}

typedef struct instance {
    const drover_host_api* host;
    int runs;
} instance;

static void* create(const drover_host_api* host,
                    const drover_config* config,
                    drover_sink error,
                    void* context) {
    instance* made = NULL;
    (void)config;
#ifdef DEFECT_UNDEFINED
    nobody_has_this();
#endif
#ifdef DEFECT_STATIC_TLS
    block[(size_t)context % sizeof block] = 1;
#endif
#ifdef DEFECT_CREATE
    error(context, text("no room at the inn"));
#else
    (void)error, (void)context;
    made = (instance*)malloc(sizeof *made);
    if (made != NULL) {
        made->host = host;
        made->runs = 0;
    }
#endif
    (void)host;
    return made;
}

static void destroy(void* self) {
    free(self);
}

static void process(void* self, drover_call* call, const drover_job* const* jobs, uint32_t n) {
    instance* const me = (instance*)self;
    uint32_t i;
    for (i = 0; i < n; ++i) {
        if (jobs[i]->name.size == 4 && memcmp(jobs[i]->name.data, "skip", 4) == 0) {
            continue;
        }
        if (jobs[i]->name.size == 4 && memcmp(jobs[i]->name.data, "fail", 4) == 0) {
            me->host->fail(call, i, text("as asked \xff"), text("plain.c"), 1);
        } else {
            me->host->complete(call, i, jobs[i]->data);
        }
    }
    me->runs += 1;
    me->host->write_log("plain", DROVER_LOG_DEBUG, text("done"));
}

#ifdef DEFECT_INIT
static int32_t init(const drover_host_api* host,
                    const drover_config* config,
                    drover_sink error,
                    void* context) {
    (void)host, (void)config;
    error(context, text("the licence expired"));
    return 7;
}
#define INIT init
#else
#define INIT NULL
#endif

static const char* const kJobNames[] = {"plain", "skip", "fail"};

#ifdef DEFECT_OPTIONS
#define OPTIONS "{\"maxStalledCount\": 10"
#else
#define OPTIONS "{\"maxStalledCount\": 10, \"workerName\": \"p\", \"flag\": true}"
#endif

static const drover_handler kHandler = {sizeof(drover_handler),
                                        2,
                                        "plain",
                                        kJobNames,
                                        3,
                                        0,
                                        "plain-queue",
                                        OPTIONS,
                                        create,
                                        destroy,
                                        process,
                                        NULL,
                                        NULL,
                                        NULL};

static const drover_handler* const kHandlers[] = {&kHandler, &kHandler};

#ifdef DEFECT_KEY
#define LEVEL "ten"
#else
#define LEVEL "5"
#endif
static const drover_config_key kKey = {
    sizeof(drover_config_key), DROVER_CONFIG_INT, 0, 0, 1, 9, "level", LEVEL, "How loud."};
static const drover_config_key* const kKeys[] = {&kKey};

#ifndef DEFECT_MAGIC
#define DEFECT_MAGIC DROVER_ABI_MAGIC
#endif
#ifndef DEFECT_MAJOR
#define DEFECT_MAJOR DROVER_ABI_MAJOR
#endif
#ifndef DEFECT_MINOR
#define DEFECT_MINOR DROVER_ABI_MINOR
#endif
#ifndef DEFECT_SIZE
#define DEFECT_SIZE sizeof(drover_plugin_descriptor)
#endif
#ifdef DEFECT_DUPLICATE
#define HANDLER_COUNT 2
#else
#define HANDLER_COUNT 1
#endif

static const drover_plugin_descriptor kDescriptor = {DEFECT_MAGIC,
                                                     DEFECT_MAJOR,
                                                     DEFECT_MINOR,
                                                     DEFECT_SIZE,
                                                     HANDLER_COUNT,
                                                     kHandlers,
                                                     kKeys,
                                                     1,
                                                     0,
                                                     PLUGIN_NAME,
                                                     "0.9",
                                                     "Works in plain C.",
                                                     INIT,
                                                     NULL};

#ifndef DEFECT_SYMBOL
DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void);
DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) {
#ifdef DEFECT_NULL
    return kDescriptor.reserved != 0 ? &kDescriptor : NULL;
#else
    return &kDescriptor;
#endif
}
#else
DROVER_EXPORT const void* somebody_elses_symbol(void);
DROVER_EXPORT const void* somebody_elses_symbol(void) {
    return &kDescriptor;
}
#endif
