#pragma once

#include <exception>
#include <string>

#include <Poco/Exception.h>

namespace drover {

/// Returns the text, for a log, of the exception that is being handled. For catch clauses alone.
[[nodiscard]] inline std::string thrownText() {
    try {
        throw;
    } catch (const Poco::Exception& error) {
        return error.displayText();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

}  // namespace drover
