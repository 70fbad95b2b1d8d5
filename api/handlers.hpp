// The handlers of the routes, one file a resource. Each answers its call once, now or later. Site
// loop only.
#pragma once

#include "api/call.hpp"

namespace busbar::api {

// api/health.cpp
void show_health(Call call);
void show_readiness(Call call);

// api/charge_points.cpp
void list_charge_points(Call call);
void register_charge_point(Call call);
void show_charge_point(Call call);
void edit_charge_point(Call call);
void remove_charge_point(Call call);

// api/commands.cpp
void send_command(Call call);
// Passes a command on and answers with the charger's own response payload or why there is none.
void send_command(const Call& call, std::string_view charge_point, std::string_view action,
                  std::string_view payload);

// api/badges.cpp
void list_badges(Call call);
void add_badge(Call call);
void show_badge(Call call);
void edit_badge(Call call);
void remove_badge(Call call);

// api/transactions.cpp
void list_transactions(Call call);
void show_transaction(Call call);
void list_meter_values(Call call);
void stop_transaction(Call call);

// api/load.cpp
void show_load(Call call);
void solve_plan(Call call);

}  // namespace busbar::api
