#include "core/Guarded.h"

#include <pthread.h>
#include <string>

#include <Poco/Logger.h>

#include "drover/Thrown.h"

namespace drover {

void nameThread(const char* name) {
    // The kernel accepts 15 characters and refuses longer names altogether. A refusal costs a label, nothing else.
    const std::string label = std::string(name).substr(0, 15);
    (void)pthread_setname_np(pthread_self(), label.c_str());
}

void logThreadEnd(const char* name) noexcept {
    try {
        Poco::Logger::get(name).critical("thread " + std::string(name) +
                                         " ended by an exception: " + thrownText());
    } catch (...) {
        // The log itself failed, most likely for want of memory: there is nowhere left to report it.
    }
}

}  // namespace drover
