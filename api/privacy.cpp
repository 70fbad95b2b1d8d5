// POST /api/v1/badges/{idTag}/erase: a person's right to be forgotten.
#include "site/privacy.hpp"

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"
#include "site/pseudonym.hpp"

namespace busbar::api {
namespace {

struct ErasedView {
    std::string pseudonym;
};
BOOST_DESCRIBE_STRUCT(ErasedView, (), (pseudonym))

void erase(const Call& call) {
    const auto& id_tag = call.names[0];
    if (site::is_charging(call.site(), id_tag)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "A car is charging with this badge: stop it first, then erase the badge."}));
    }
    if (refused_as_full(call)) return;
    const auto pseudonym = site::pseudonym_of(call.on.random_bits());
    // The entry names the pseudonym only: whose it was is what nobody is to find again.
    audit(call, {.action = "erase", .object_kind = "badge", .object_id = pseudonym});
    const auto ticket = site::erase_badge(call.site(), id_tag, pseudonym);
    call.on.audit.flush();
    respond_when_durable(call, ticket, json_response(200, ErasedView{pseudonym}));
}

}  // namespace

void erase_badge(const Call& call) {
    const auto& id_tag = call.names[0];
    if (id_tag.empty() || site::is_pseudonym(id_tag)) return call.respond(not_found("badge"));
    if (site::is_known_badge(call.site(), id_tag)) return erase(call);
    // A badge that was removed long ago may have left transactions.
    db::TransactionFilter filter;
    filter.id_tag = id_tag;
    filter.limit = 1;
    call.on.reader.transactions(filter, [call](const db::ReadResult<db::TransactionPage>& result) {
        if (const auto* error = std::get_if<db::ReadError>(&result)) {
            return call.respond(unreadable(*error));
        }
        if (std::get<db::TransactionPage>(result).items.empty()) {
            return call.respond(not_found("badge"));
        }
        erase(call);
    });
}

}  // namespace busbar::api
