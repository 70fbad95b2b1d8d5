// The handlers of the routes, one file a resource. Each answers its call once, now or later. Site
// loop only.
#pragma once

#include "api/call.hpp"

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

// api/commands.cpp
void send_command(const Call& call);
// Passes a command on and answers with the charger's own response payload or why there is none.
void send_command(const Call& call, std::string_view charge_point, std::string_view action,
                  std::string_view payload);

// api/badges.cpp
void list_badges(const Call& call);
void add_badge(const Call& call);
void show_badge(const Call& call);
void edit_badge(const Call& call);
void remove_badge(const Call& call);

// api/transactions.cpp
void list_transactions(const Call& call);
void show_transaction(const Call& call);
void list_meter_values(const Call& call);
void stop_transaction(const Call& call);

// api/load.cpp
void show_load(const Call& call);
void solve_plan(const Call& call);

}  // namespace busbar::api
