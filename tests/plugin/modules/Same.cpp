// Built twice with another ANSWER: two plugins whose classes have the same names.
#include <drover/Handler.h>
#include <string>

namespace shop {

struct State {
    static inline int made = 0;
};

template <typename T>
int& counter() {
    static int count = 0;
    return count;
}

struct Handler : drover::Handler {
    Handler() { ++State::made; }
    drover::Outcome process(drover::ActiveJob&) override {
        return drover::completed("[" ANSWER "," + std::to_string(State::made) + "," +
                                 std::to_string(++counter<Handler>()) + "]");
    }
};

}  // namespace shop

DROVER_PLUGIN(
    drover::plugin(PLUGIN_NAME, "1").handler<shop::Handler>("same", {.queue = PLUGIN_NAME}))
