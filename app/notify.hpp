// Tells systemd how the service is, where there is a systemd (sd_notify); else does nothing.
#pragma once

#include <string>

namespace busbar::app {

void notify_ready();
void notify_stopping();
// Feeds the watchdog: called by the site loop itself, so that a stuck loop is restarted.
void notify_alive();

}  // namespace busbar::app
