// A plugin as plain g++ -shared makes it: its static variables are unique in the process.
#include <drover/Handler.h>
#include <string>

template <typename T>
struct Counter {
    static int value;
};
template <typename T>
int Counter<T>::value = 0;

namespace {

class Counting : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob&) override {
        return drover::completed(std::to_string(++Counter<int>::value));
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("unique", "1.0").handler<Counting>("count", {.queue = "count"}))
