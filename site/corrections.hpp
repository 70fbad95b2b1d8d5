// What an operator says instead of a charger: a transaction's badge, times, registers, energy, and
// a note. The charger's own words stay beside it, and what it sends later changes nothing of it.
// The rules are pure; recording belongs to the site loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/codec.hpp"
#include "base/violation.hpp"
#include "site/site.hpp"

namespace busbar::site {

// What is asked for: absent members stay as they are, null takes a correction back.
struct CorrectionWish {
    Patch<std::string> badge;
    Patch<Timestamp> startedAt;
    Patch<Timestamp> stoppedAt;
    Patch<std::int32_t> meterStartWh;
    Patch<std::int32_t> meterStopWh;
    Patch<std::int64_t> energyWh;
    Patch<std::string> note;
};

// A transaction as its charger told it. `stop` is absent while it runs.
struct ToldTransaction {
    const db::TransactionStarted& start;
    const std::optional<db::TransactionStopped>& stop;
};

// The correction as the wish leaves it, and everything that is wrong with it as a whole: a stop
// before the start or in the future, negative energy, energy that the corrected registers
// contradict, a running transaction of which more than badge and note is to be changed. Corrected
// registers without energy bring their difference. Pointers are those of the wish's members.
db::TransactionCorrected corrected(const ToldTransaction& told,
                                   const std::optional<db::TransactionCorrected>& before,
                                   const CorrectionWish& wish, Timestamp now,
                                   std::vector<Violation>& violations);

// True if something of the charger's words is replaced; a note alone replaces nothing.
bool replaces_anything(const db::TransactionCorrected& correction);

// The newest correction of a transaction that was made here, whether it is durable yet or not.
const db::TransactionCorrected* find_correction(const Site& site, db::TransactionKey id);

// Records the correction of a transaction that is so far told and corrected like this, and counts
// its energy anew. Returns the unit's ticket.
db::Journal::Ticket correct(Site& site, const ToldTransaction& told,
                            const std::optional<db::TransactionCorrected>& before,
                            db::TransactionCorrected correction);

// Keeps a correction at hand, among the newest ones.
void remember(Site& site, const db::TransactionCorrected& correction);

inline constexpr std::size_t corrections_max = 1000;  // at hand
inline constexpr std::size_t correction_note_max = 2000;

}  // namespace busbar::site
