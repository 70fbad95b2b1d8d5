// The handlers of the routes, one file a resource. Each answers its call once, now or later. Site
// loop only.
#pragma once

#include "api/call.hpp"

namespace busbar::site {
struct CommandFailure;
}

namespace busbar::api {

// api/health.cpp
void show_health(const Call& call);
void show_readiness(const Call& call);

// api/charge_points.cpp
void list_charge_points(const Call& call);
void register_charge_point(const Call& call);
void show_charge_point(const Call& call);
void edit_charge_point(const Call& call);
void remove_charge_point(const Call& call);

// api/connection_attempts.cpp
void list_connection_attempts(const Call& call);
void accept_connection_attempt(const Call& call);
void show_enrolment(const Call& call);
void set_enrolment(const Call& call);

// api/commands.cpp
void send_command(const Call& call);
// Passes a command on and answers with the charger's own response payload or why there is none.
void send_command(const Call& call, std::string_view charge_point, std::string_view action,
                  std::string_view payload);
// Why a command brought no answer of the charger's own, as a problem document.
net::HttpResponse response_to(const site::CommandFailure& failure);

// api/configuration.cpp
void show_configuration(const Call& call);
void set_configuration_key(const Call& call);
void remove_configuration_key(const Call& call);

// api/operations.cpp
void list_operations(const Call& call);
void show_operation(const Call& call);

// api/quirks.cpp
void list_quirks(const Call& call);
void show_quirk(const Call& call);
void set_quirk(const Call& call);
void remove_quirk(const Call& call);
void show_charge_point_quirks(const Call& call);
void set_charge_point_quirks(const Call& call);

// api/files.cpp
void list_files(const Call& call);
void show_file(const Call& call);
// Where the body of an upload_file goes, judged before it is read.
net::BodyPlan plan_upload(const Call& call);
void upload_file(const Call& call);
void download_file(const Call& call);
void remove_file(const Call& call);
void show_maintenance(const Call& call);

// api/local_list.cpp
void show_local_list(const Call& call);
void synchronise_local_list(const Call& call);

// api/reservations.cpp
void list_reservations(const Call& call);
void show_reservation(const Call& call);
void add_reservation(const Call& call);
void cancel_reservation(const Call& call);

// api/badges.cpp
void list_badges(const Call& call);
void add_badge(const Call& call);
void show_badge(const Call& call);
void edit_badge(const Call& call);
void remove_badge(const Call& call);
void adopt_unknown_badge(const Call& call);

// api/badge_import.cpp
void import_badges(const Call& call);
void export_badges(const Call& call);

// api/unknown_badges.cpp
void list_unknown_badges(const Call& call);
void forget_unknown_badge(const Call& call);
void start_badge_learning(const Call& call);
void show_badge_learning(const Call& call);
void stop_badge_learning(const Call& call);

// api/badge_groups.cpp
void list_badge_groups(const Call& call);
void show_badge_group(const Call& call);
void add_badge_group(const Call& call);
void edit_badge_group(const Call& call);
void remove_badge_group(const Call& call);

// api/audit.cpp
void list_audit(const Call& call);

// api/events.cpp
void stream_events(const Call& call);

// api/transactions.cpp
void list_transactions(const Call& call);
void show_transaction(const Call& call);
void correct_transaction(const Call& call);
void list_meter_values(const Call& call);
void stop_transaction(const Call& call);

// api/orphan_stops.cpp
void list_orphan_stops(const Call& call);

// api/messages.cpp
void list_messages(const Call& call);
void list_messages_of_charge_point(const Call& call);
void list_security_events(const Call& call);

// api/tariffs.cpp
void list_tariffs(const Call& call);
void show_tariff(const Call& call);
void add_tariff(const Call& call);
void set_tariff(const Call& call);
void remove_tariff(const Call& call);

// api/reports.cpp
void report_energy(const Call& call);

// api/privacy.cpp
void erase_badge(const Call& call);

// api/load.cpp
void show_load(const Call& call);
void solve_plan(const Call& call);

}  // namespace busbar::api
