// The folder that holds what a running Busbar writes to disk itself: the spill.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace busbar::app {

// One sentence with the remedy in it.
class DataDirectoryError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Makes the folder (mode 0700) where it is missing and proves that a file can be written in it.
std::filesystem::path open_data_directory(const std::string& path);

// The file in the data directory that names the web address of the server that runs there.
inline constexpr const char* web_url_file = "web.url";

}  // namespace busbar::app
