/* A handler in plain C, of the C header alone: completes each job with its own data. README.md has the rest. */
#include <drover/PluginAbi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of one handler thread. */
typedef struct echo {
    const drover_host_api* host;
    int64_t max_bytes;
    int64_t wait_ms;
} echo;

static drover_bytes text(const char* string) {
    drover_bytes bytes;
    bytes.data = string;
    bytes.size = strlen(string);
    return bytes;
}

/* The keys of the configuration: echo-c.maxBytes and echo-c.waitMs. The engine has checked type and range of each value
 * before the plugin sees it, and hands the values over in this order. */
enum { kMaxBytes, kWaitMs, kKeyCount };

static const drover_config_key kMaxBytesKey = {.struct_size = sizeof(drover_config_key),
                                               .type = DROVER_CONFIG_INT,
                                               .flags = DROVER_CONFIG_RELOADABLE,
                                               .minimum = 1,
                                               .maximum = 1 << 30,
                                               .name = "maxBytes",
                                               .default_value = "65536",
                                               .description = "Data larger than this is refused."};
static const drover_config_key kWaitMsKey = {.struct_size = sizeof(drover_config_key),
                                             .type = DROVER_CONFIG_INT,
                                             .flags = DROVER_CONFIG_RELOADABLE,
                                             .minimum = 0,
                                             .maximum = 60000,
                                             .name = "waitMs",
                                             .default_value = "0",
                                             .description = "How long each job takes."};
static const drover_config_key* const kKeys[kKeyCount] = {&kMaxBytesKey, &kWaitMsKey};

/* Values are bytes without a NUL at their end. */
static int64_t integer(drover_bytes value) {
    char digits[24] = "";
    memcpy(digits, value.data, value.size < sizeof digits ? value.size : sizeof digits - 1);
    return strtoll(digits, NULL, 10);
}

static void configure(void* instance, const drover_config* config) {
    echo* const self = (echo*)instance;
    self->max_bytes = integer(config->values[kMaxBytes]);
    self->wait_ms = integer(config->values[kWaitMs]);
}

static void* create(const drover_host_api* host,
                    const drover_config* config,
                    drover_sink error,
                    void* context) {
    echo* const self = (echo*)malloc(sizeof *self);
    if (self == NULL) {
        error(context, text("out of memory"));
        return NULL;
    }
    self->host = host;
    configure(self, config);
    return self;
}

static void destroy(void* instance) {
    free(instance);
}

/* Decides the job at `index`. An undecided job is handed back to its queue, and comes again. */
static void echo_one(echo* self, drover_call* call, const drover_job* job, uint32_t index) {
    const drover_host_api* const host = self->host;
    if (job->data.size > (size_t)self->max_bytes) {
        char reason[80];
        snprintf(reason,
                 sizeof reason,
                 "%zu bytes of data, at most %lld are accepted",
                 job->data.size,
                 (long long)self->max_bytes);
        host->fail(call, index, text(reason), text(""), 1);
        host->write_log_about(call, index, DROVER_LOG_WARNING, text(reason));
        return;
    }
    if (self->wait_ms > 0) {
        host->update_progress(call, index, text("50"));
        switch (host->wait_cancelled(call, index, self->wait_ms)) {
            case DROVER_NOT_CANCELLED:
                break;
            case DROVER_CANCELLED_SHUTDOWN: /* Not the job's fault: another process runs it. */
                host->move_to_wait(call, index);
                return;
            default:
                host->fail(call, index, text("cancelled"), text(""), 0);
                return;
        }
    }
    if (host->complete(call, index, job->data) == DROVER_E_ARGUMENT) {
        host->fail(call, index, text("its data is not JSON"), text(""), 1);
    }
}

static void process(void* instance, drover_call* call, const drover_job* const* jobs, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; ++i) {
        echo_one((echo*)instance, call, jobs[i], i);
    }
}

static const char* const kJobNames[] = {"echo"};

static const drover_handler kHandler = {.struct_size = sizeof(drover_handler),
                                        .batch_max = 16,
                                        .name = "echo",
                                        .job_names = kJobNames,
                                        .job_name_count = 1,
                                        .default_queue = "echo-c",
                                        .create = create,
                                        .destroy = destroy,
                                        .process = process,
                                        .configure = configure};
static const drover_handler* const kHandlers[] = {&kHandler};

static const drover_plugin_descriptor kPlugin = {
    .magic = DROVER_ABI_MAGIC,
    .abi_major = DROVER_ABI_MAJOR,
    .abi_minor = DROVER_ABI_MINOR,
    .struct_size = sizeof(drover_plugin_descriptor),
    .handler_count = 1,
    .handlers = kHandlers,
    .config_keys = kKeys,
    .config_key_count = kKeyCount,
    .name = "echo-c",
    .version = "1.0.0",
    .description = "Completes jobs with their own data, in plain C."};

DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void);
DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) {
    return &kPlugin;
}
