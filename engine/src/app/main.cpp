#include <iostream>

#include "core/Version.h"

int main() {
    std::cout << "drover " << drover::version() << '\n';
    return 0;
}
