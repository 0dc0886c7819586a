// Its static constructor throws: no code can catch that inside of dlopen.
namespace {

struct Refusal {
    Refusal() { throw 1; }  // NOLINT: on purpose.
};

const Refusal kRefusal;

}  // namespace
