// One statement for many rows of a kind: each parameter is the array of one column. Includes
// libpqxx: for db/*.cpp only.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "db/array.hpp"
#include "db/connection.hpp"

namespace busbar::db {

// One array a column: each getter names the member (or makes the value) of one column.
template <class Row, class... Column>
Params columns(const std::vector<const Row*>& rows, const Column&... column) {
    Params params;
    const auto add = [&](const auto& value_of) {
        ArrayLiteral array;
        for (const auto* row : rows) array.add(std::invoke(value_of, *row));
        params.add(std::move(array));
    };
    (add(column), ...);
    return params;
}

template <class Row, class... Column>
std::uint64_t run(Transaction& transaction, const char* statement,
                  const std::vector<const Row*>& rows, const Column&... column) {
    if (rows.empty()) return 0;
    return transaction.exec_prepared(statement, columns(rows, column...)).affected_rows();
}

inline void run(Transaction& transaction, const char* statement,
                const std::vector<std::string_view>& keys) {
    if (keys.empty()) return;
    ArrayLiteral array;
    for (const auto key : keys) array.add(key);
    Params params;
    params.add(std::move(array));
    transaction.exec_prepared(statement, params);
}

}  // namespace busbar::db
