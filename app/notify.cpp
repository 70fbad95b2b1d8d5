#include "app/notify.hpp"

#include <systemd/sd-daemon.h>

namespace busbar::app {

void notify_ready() { sd_notify(0, "READY=1"); }
void notify_stopping() { sd_notify(0, "STOPPING=1"); }
void notify_alive() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace busbar::app
