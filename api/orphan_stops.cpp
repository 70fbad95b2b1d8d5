// GET /api/v1/orphan-stops: what chargers said of the end of transactions that nobody knows. A
// person looks at them; none of it is in a list or a report of energy.
#include <boost/describe/class.hpp>

#include "api/handlers.hpp"
#include "db/queries.hpp"

namespace busbar::api {
namespace {

struct OrphanStopView {
    std::int64_t id = 0;
    std::string chargePoint;
    std::int32_t transactionId = 0;  // as sent
    Nullable<std::string> idTag;
    std::int32_t meterStopWh = 0;
    Timestamp stoppedAt;
    Timestamp receivedAt;
    std::string stopReason;
};
BOOST_DESCRIBE_STRUCT(OrphanStopView, (),
                      (id, chargePoint, transactionId, idTag, meterStopWh, stoppedAt, receivedAt,
                       stopReason))

OrphanStopView view_of(const db::OrphanStopRow& row) {
    const auto& stop = row.stop;
    return {row.id,           stop.charge_point,  stop.transaction_id,
            stop.id_tag,      stop.meter_stop_wh, stop.stopped_at,
            stop.received_at, stop.reason};
}

}  // namespace

void list_orphan_stops(const Call& call) {
    Query query{call};
    db::OrphanStopFilter filter;
    filter.charge_point = query.text("chargePoint");
    filter.from = query.time("from");
    filter.to = query.time("to");
    filter.limit = query.limit();
    filter.cursor = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    call.on.reader.orphan_stops(
        std::move(filter), [call](const db::ReadResult<db::OrphanStopPage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::OrphanStopPage>(result);
            call.respond(page_of_rows(page, [](const auto& row) { return view_of(row); }));
        });
}

}  // namespace busbar::api
