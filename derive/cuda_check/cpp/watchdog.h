// A loop that the compiler has emptied takes no counted step. A timer sees that none was taken for a quarter
// of a second of processor time, which no other code can need, and leaves the loop from the signal handler.
#pragma once
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile unsigned long steps_taken;
static unsigned long steps_seen;
static pthread_t runner;
static struct sigaction former_action;
static itimerval former_timer;

static Address interrupted_at(void* context) {
#if defined(__x86_64__) && defined(__linux__)
  return (Address)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] + 1;
#else
  return (void)context, 0;
#endif
}

static void no_progress(int signal, siginfo_t*, void* context) {
  if (!pthread_equal(pthread_self(), runner)) {
    pthread_kill(runner, signal);
    return;
  }
  bool progress = steps_taken != steps_seen;
  steps_seen = steps_taken;
  if (progress || on_worker < 0) return;
  report(ENDLESS, 0, interrupted_at(context), "a loop that neither ends nor does anything");
  stop();
}

static void start_watchdog() {
  runner = pthread_self();
  steps_seen = steps_taken - 1;
  struct sigaction action = {};
  action.sa_sigaction = no_progress;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;  // the handler may never return
  sigaction(SIGVTALRM, &action, &former_action);
  itimerval quarter = {{0, 250000}, {0, 250000}};
  setitimer(ITIMER_VIRTUAL, &quarter, &former_timer);
}
static void stop_watchdog() {
  setitimer(ITIMER_VIRTUAL, &former_timer, nullptr);
  sigaction(SIGVTALRM, &former_action, nullptr);
}
