#include <algorithm>
#include <chrono>
#include <cstdint>
#include <drover/Handler.h>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

namespace {

using std::chrono::milliseconds;

/// The answer to a job is its own data. Members of the data ask for more, for demonstrations; README.md lists them.
class EchoHandler : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob& job) override {
        rapidjson::Document data;
        data.Parse(job.data().data(), job.data().size());
        if (!data.HasParseError() && data.IsObject()) {
            if (const auto* progress = member(data, "progress");
                progress != nullptr && progress->IsInt64()) {
                job.updateProgress(std::to_string(progress->GetInt64()));
            }
            if (const auto* sleep = member(data, "sleepMs"); sleep != nullptr && sleep->IsInt64()) {
                if (job.waitCancelled(milliseconds(std::max<std::int64_t>(sleep->GetInt64(), 0)))) {
                    // A process that ends is not the job's fault: somebody else sleeps for it.
                    return job.cancelCause() == drover::CancelCause::Shutdown
                               ? drover::movedToWait()
                               : drover::failed("cancelled");
                }
            }
            if (const auto* fail = member(data, "fail"); fail != nullptr && fail->IsString()) {
                return drover::failed({fail->GetString(), fail->GetStringLength()});
            }
        }
        return drover::completed(job.data());
    }

private:
    static const rapidjson::Value* member(const rapidjson::Document& data, const char* name) {
        return data.HasMember(name) ? &data[name] : nullptr;
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("echo", "1.0.0")
                  .describe("Completes jobs with their own data.")
                  .handler<EchoHandler>("echo", {.queue = "echo"}))
