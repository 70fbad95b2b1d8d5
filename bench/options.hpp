// Command lines of the benchmark programs: "--name value" pairs, and pinning to a core.
#pragma once

#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace busbar::bench {

// Reads --name value pairs on top of the defaults; an unknown name or --help prints the usage and
// ends the program.
inline std::map<std::string, std::string> parse_options(int count, char** arguments,
                                                        std::map<std::string, std::string> options,
                                                        const char* usage) {
    for (int at = 1; at < count; at += 2) {
        std::string name{arguments[at]};
        const bool known = name.rfind("--", 0) == 0 && at + 1 < count &&
                           options.find(name.substr(2)) != options.end();
        if (!known) {
            std::fputs(usage, name == "--help" ? stdout : stderr);
            std::exit(name == "--help" ? 0 : 2);
        }
        options[name.substr(2)] = arguments[at + 1];
    }
    return options;
}

// Keeps this process on one core; "" leaves it to the scheduler.
inline void pin(const std::string& core) {
    if (core.empty()) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(std::strtoul(core.c_str(), nullptr, 10), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        std::perror("cannot pin to that core");
        std::exit(2);
    }
}

}  // namespace busbar::bench
