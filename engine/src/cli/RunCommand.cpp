#include "cli/RunCommand.h"

#include <ostream>

#include <Poco/Exception.h>

#include "cli/CommandTable.h"
#include "cli/HelpText.h"
#include "cli/Terminal.h"
#include "drover/Exceptions.h"
#include "drover/Unavailable.h"
#include "drover/operate/JobRefusal.h"

namespace drover::cli {

ExitCode runCommand(const std::vector<std::string>& args,
                    const std::map<std::string, std::string>& environment,
                    const DatabaseSchema& schema,
                    std::ostream& out,
                    std::ostream& err,
                    Terminal& terminal) {
    const auto fail = [&err](const std::string& message, ExitCode code) {
        err << message << '\n';
        return code;
    };
    try {
        const CommandTable commands;
        const CommandLine line = CommandLine::parse(commands, args);
        ExitCode code = ExitCode::Ok;
        if (line.wantsHelp()) {
            out << (line.command() == nullptr ? helpText(commands.all())
                                              : helpText(*line.command()));
        } else {
            Output output(out, line.has(options::kJson));
            code = line.command()->run({commands, line, environment, schema, output, terminal});
        }
        out.flush();
        return code;
    } catch (const UsageException& error) {
        return fail("drover: " + error.message() + "\n`drover help` lists the commands.",
                    ExitCode::Usage);
    } catch (const UnconfirmedException& error) {
        return fail("drover: " + error.message(), ExitCode::Unconfirmed);
    } catch (const JobStateException& error) {
        return fail("drover: " + operate::refusalText(error), ExitCode::NotThere);
    } catch (const Poco::InvalidArgumentException& error) {
        return fail("drover: " + error.message(), ExitCode::Usage);
    } catch (const ConfigException& error) {
        return fail(error.message(), ExitCode::Config);
    } catch (const PluginException& error) {
        return fail("drover: " + error.message(), ExitCode::Config);
    } catch (const RedisIoException& error) {
        return fail("drover: " + error.message(), ExitCode::Unavailable);
    } catch (const Unavailable& error) {
        return fail(std::string("drover: ") + error.what(), ExitCode::Unavailable);
    } catch (const Poco::Exception& error) {
        return fail("drover: " + error.displayText(), ExitCode::Internal);
    } catch (const std::exception& error) {
        return fail(std::string("drover: ") + error.what(), ExitCode::Internal);
    }
}

ExitCode runCommand(const std::vector<std::string>& args,
                    const std::map<std::string, std::string>& environment,
                    const DatabaseSchema& schema,
                    std::ostream& out,
                    std::ostream& err) {
    Terminal none;
    return runCommand(args, environment, schema, out, err, none);
}

}  // namespace drover::cli
