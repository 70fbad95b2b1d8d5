#include "app/data_directory.hpp"

#include <fstream>
#include <system_error>

namespace busbar::app {

std::filesystem::path open_data_directory(const std::string& path) {
    namespace fs = std::filesystem;
    const fs::path folder{path};
    std::error_code error;
    if (fs::create_directories(folder, error)) {
        fs::permissions(folder, fs::perms::owner_all, error);
    }
    if (error) {
        throw DataDirectoryError{"the data directory '" + path + "' cannot be made (" +
                                 error.message() + "): choose another with BUSBAR_DATA_DIR"};
    }
    const auto probe = folder / ".write-test";
    std::ofstream file{probe, std::ios::binary};
    file << std::string(4096, '\n') << std::flush;
    const bool written = file.good();
    file.close();
    fs::remove(probe, error);
    if (!written) {
        throw DataDirectoryError{"nothing can be written in the data directory '" + path +
                                 "': check its owner and the free space of its disk"};
    }
    return folder;
}

}  // namespace busbar::app
