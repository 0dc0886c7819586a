// Its static constructor throws: nothing can catch that inside of dlopen.
namespace {

struct Refusal {
    Refusal() { throw 1; }  // NOLINT: what it is for.
};

const Refusal refusal;

}  // namespace
