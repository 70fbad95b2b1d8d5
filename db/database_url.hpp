// The secrets in a PostgreSQL URL or connection string. What people get to see holds none, even
// where it is written so badly that PostgreSQL does not take it: then more is hidden than needed.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace busbar::db {

// Whether it is a URL rather than "host=... dbname=...".
bool is_uri(std::string_view url);

// "postgresql://user:secret@host", "?password=secret" and "password='my secret'" with *** for it.
std::string masked_url(std::string_view url);

// What libpq said about `url`, without what masked_url hides: it quotes what it does not
// understand.
std::string without_secrets(std::string_view message, std::string_view url);

}  // namespace busbar::db
