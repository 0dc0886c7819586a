#pragma once

#include <cstdint>

/// JSON Schemas that several routes share, for the OpenAPI document.
namespace drover::admin {

inline constexpr std::int64_t kFarthest = 1000000000000;

inline constexpr const char* kQueueSchema =
    R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"},"problem":{"type":"string"},)"
    R"("paused":{"type":"boolean"},"counts":{"type":"object","additionalProperties":{"type":"integer"}},)"
    R"("concurrency":{"type":"integer"},"version":{"type":"string"},"oldestWaitMs":{"type":"integer"},)"
    R"("oldestId":{"type":"string"},"perMinute":{"type":"object","properties":{"added":{"type":"number"},)"
    R"("ended":{"type":"number"},"failed":{"type":"number"}}},"workers":{"type":"integer"}}})";

inline constexpr const char* kProcessesSchema =
    R"({"type":"array","items":{"type":"object","required":["id","host","pid"],"properties":{"id":{"type":"string"},)"
    R"("host":{"type":"string"},"pid":{"type":"integer"},"version":{"type":"string"},"state":{"type":"string"},)"
    R"("ok":{"type":"boolean"},"uptimeMs":{"type":"integer"},"load":{"type":"array","items":{"type":"string"}},)"
    R"("queues":{"type":"array","items":{"type":"object"}},"plugins":{"type":"array","items":{"type":"object"}},)"
    R"("breakers":{"type":"array","items":{"type":"object"}},"checks":{"type":"array","items":{"type":"object"}},)"
    R"("leftOut":{"type":"integer"}}}})";

inline constexpr const char* kJobSchema =
    R"({"type":"object","required":["id","name","state"],"properties":{"id":{"type":"string"},"name":{"type":"string"},)"
    R"("data":{},"opts":{"type":"object"},"progress":{},"timestamp":{"type":"integer","format":"int64"},)"
    R"("attemptsMade":{"type":"integer"},"returnvalue":{},"failedReason":{"type":["string","null"]},)"
    R"("state":{"type":"string","enum":["waiting","active","delayed","prioritized","waiting-children","completed",)"
    R"("failed","unknown"]}}})";

inline constexpr const char* kSchedulerSchema =
    R"({"type":"object","properties":{"key":{"type":"string"},"name":{"type":"string"},)"
    R"("next":{"type":"integer","format":"int64"},"iterationCount":{"type":"integer"},)"
    R"("pattern":{"type":"string"},"tz":{"type":"string"},"every":{"type":"integer"},"template":{"type":"object"}}})";

inline constexpr const char* kFindingSchema =
    R"({"type":"object","required":["kind","key","sentence","fixable"],"properties":{"kind":{"type":"string"},)"
    R"("key":{"type":"string"},"id":{"type":"string"},"sentence":{"type":"string"},"fixable":{"type":"boolean"}}})";

}  // namespace drover::admin
