// A report as a statement to print or to send: A4, a table with page numbers and a total. Letters
// that Western European fonts do not have become a question mark. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "reports/energy.hpp"
#include "reports/words.hpp"

namespace busbar::reports {

// `local_creation` is what the clock of the site shows. Throws std::runtime_error when it cannot be
// made.
std::string pdf_of(const EnergyReport& report, Language language, LocalTime local_creation);

// The number of pages that pdf_of makes.
int pages_of(const EnergyReport& report, Language language);

// UTF-8 as Windows-1252, the encoding of the fonts.
std::string western_text(std::string_view text);

}  // namespace busbar::reports
