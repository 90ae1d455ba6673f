// The model's main(), in place of cocotb's: the same steps, but VPI's callbacks are looked for only where there can be
// some. Python sleeps for most of a simulation, so that a time step mostly is: evaluate, compare what is watched.
// A clock that is an input of the top module (ASSAY_CLOCK) is driven here: a delay in HDL costs a coroutine and a second
// evaluation at every edge.
//
// An output of the top module may tell when waves are recorded (ASSAY_GATE).
//
//   --trace             write a trace (in a model built for it)
//   --trace-file FILE   its name
//   --trace-scope S N   only scope S and N levels below it; once for each
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

extern "C" void vlog_startup_routines_bootstrap(); // registers what the VPI library brings

namespace {

constexpr uint64_t NEVER = ~0ULL;
#ifdef ASSAY_CLOCK
constexpr uint64_t HALF_PERIOD = ASSAY_HALF_PERIOD;
#else
constexpr uint64_t HALF_PERIOD = NEVER;
#endif

uint64_t now = 0, next_edge = HALF_PERIOD;
uint64_t deadline = 0; // of the next callback that waits for a time
Vtop* top; // main() owns it: it must not outlive Verilator's own static objects
#if VM_TRACE
VerilatedFstC* trace;
#endif

#if VM_TRACE
bool gate_open() {
#ifdef ASSAY_GATE
    return top->ASSAY_GATE;
#else
    return true;
#endif
}
#endif

bool call_watchers() {
    bool called = false;
    while (VerilatedVpi::callValueCbs()) called = true;
    return called;
}

bool call(uint32_t reason) {
    const bool called = VerilatedVpi::callCbs(reason);
    return call_watchers() || called;
}

void evaluate() {
    top->eval_step();
    VerilatedVpi::clearEvalNeeded();
}

// Until nothing that was called writes a signal any more.
void settle() {
    do {
        while (VerilatedVpi::evalNeeded()) {
            evaluate();
            VerilatedVpi::doInertialPuts();
            call_watchers();
        }
        call(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        call_watchers();
    } while (VerilatedVpi::evalNeeded());
}

// One time step; called: something was called at its begin. True if something was called in it, which may have asked
// to be called again.
bool step(bool called) {
    evaluate();
    if (called) VerilatedVpi::doInertialPuts();
    called |= call_watchers();
    if (called) settle();
    top->eval_end_step();
    if (called) VerilatedVpi::callCbs(cbReadOnlySynch);
#if VM_TRACE
    if (trace && gate_open()) trace->dump(now);
#endif
    return called;
}

// The time of the next step; NEVER: nothing is left to happen.
uint64_t next_time() {
    const uint64_t delay = top->eventsPending() ? top->nextTimeSlot() : NEVER;
    return std::min({delay, next_edge, deadline});
}

void drive_clock() {
#ifdef ASSAY_CLOCK
    if (now == 0) top->ASSAY_CLOCK = 0; // as every register it may have begun at random
    if (now != next_edge) return;
    top->ASSAY_CLOCK = !top->ASSAY_CLOCK;
    next_edge += HALF_PERIOD;
#endif
}

void simulate() {
    drive_clock();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    call_watchers();
    for (bool called = true; !Verilated::gotFinish();) {
        called = step(called);
        // Another one only after something was called, or when it has come: it may be of a callback that was removed.
        if (called || now == deadline) deadline = VerilatedVpi::cbNextDeadline();
        const uint64_t next = next_time();
        if (next == NEVER) break;
        now = next;
        drive_clock();
        if (called) called = call(cbNextSimTime);
        if (next == deadline) called |= call(cbAfterDelay);
    }
}

void open_trace(int count, char** words) {
#if VM_TRACE
    const char* file = "dump.fst";
    bool wanted = false;
    trace = new VerilatedFstC; // never deleted: what could be called at the exit still looks at it
    for (int n = 1; n < count; ++n) {
        if (std::string(words[n]) == "--trace") wanted = true;
        if (std::string(words[n]) == "--trace-file" && n + 1 < count) file = words[n + 1];
        if (std::string(words[n]) == "--trace-scope" && n + 2 < count) trace->dumpvars(std::atoi(words[n + 2]), words[n + 1]);
    }
    Verilated::traceEverOn(true);
    if (!wanted) {
        trace = nullptr;
        return;
    }
    top->trace(trace, 99);
    trace->open(file);
#endif
}

void end() {
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    if (trace) trace->close();
#endif
#if VM_COVERAGE
    VerilatedCov::write();
#endif
}

}  // namespace

double sc_time_stamp() { return now; }

int main(int count, char** words) {
    Verilated::commandArgs(count, words);
    Verilated::fatalOnVpiError(false);
    const auto model = std::make_unique<Vtop>("");
    top = model.get();
    open_trace(count, words);
    vlog_startup_routines_bootstrap();
    Verilated::addExitCb([](void*) { end(); }, nullptr);
    simulate();
    top->final();
    end();
    return Verilated::threadContextp()->errorCount() > 0;
}
