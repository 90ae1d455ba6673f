// Drives bare_top by a script of one command a line on standard input, all numbers in hexadecimal:
//   load INDEX ADDRESS LENGTH     fill memory from load_INDEX.bin
//   dump INDEX ADDRESS LENGTH     write memory to dump_INDEX.bin
//   write ADDRESS VALUE           write a register
//   read ADDRESS                  print a register as "register VALUE"
//   time                          start the stopwatch
//   wait                          cycle until the interrupt, then print "seconds SECONDS cycles CYCLES"
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "Vbare_top.h"
#include "verilated.h"

namespace {

constexpr int LOAD = 1, DUMP = 2;
constexpr uint64_t PATIENCE = 1'000'000'000;

VerilatedContext context;
std::unique_ptr<Vbare_top> top;
uint64_t cycles = 0;

void cycle() {
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
    ++cycles;
}

void command(int number, uint32_t index, uint32_t address, uint32_t length) {
    top->command = number;
    top->command_index = index;
    top->command_address = address;
    top->command_length = length;
    top->command_toggle = !top->command_toggle;
    top->eval();
}

void write(uint32_t address, uint32_t value) {
    top->awaddr = address;
    top->wdata = value;
    top->awvalid = top->wvalid = top->bready = 1;
    for (bool answered = false; !answered || top->awvalid || top->wvalid;) {
        top->eval();
        const bool address_taken = top->awvalid && top->awready, data_taken = top->wvalid && top->wready;
        answered |= top->bvalid;
        cycle();
        if (address_taken) top->awvalid = 0;
        if (data_taken) top->wvalid = 0;
    }
    top->bready = 0;
    top->eval();
}

uint32_t read(uint32_t address) {
    top->araddr = address;
    top->arvalid = top->rready = 1;
    uint32_t value = 0;
    for (bool answered = false; !answered;) {
        top->eval();
        const bool taken = top->arvalid && top->arready;
        answered = top->rvalid;
        value = top->rdata;
        cycle();
        if (taken) top->arvalid = 0;
    }
    top->rready = 0;
    top->eval();
    return value;
}

bool wait() {
    const uint64_t last = cycles + PATIENCE;
    while (!top->irq && cycles < last) cycle();
    return top->irq;
}

void reset() {
    top->rst = 1;
    for (int count = 0; count < 4; ++count) cycle();
    top->rst = 0;
    cycle();
}

}  // namespace

int main(int argc, char** argv) {
    context.commandArgs(argc, argv);
    top = std::make_unique<Vbare_top>(&context);
    top->eval();
    reset();
    auto begin = std::chrono::steady_clock::now();
    uint64_t first = cycles;
    uint32_t index, address, value;
    for (std::string word; std::cin >> word;) {
        if (word == "load" && std::cin >> std::hex >> index >> address >> value) {
            command(LOAD, index, address, value);
        } else if (word == "dump" && std::cin >> std::hex >> index >> address >> value) {
            command(DUMP, index, address, value);
        } else if (word == "write" && std::cin >> std::hex >> address >> value) {
            write(address, value);
        } else if (word == "read" && std::cin >> std::hex >> address) {
            std::printf("register %u\n", read(address));
        } else if (word == "time") {
            begin = std::chrono::steady_clock::now();
            first = cycles;
        } else if (word == "wait") {
            if (!wait()) return std::fprintf(stderr, "no interrupt\n"), 1;
            const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
            std::printf("seconds %.6f cycles %llu\n", seconds.count(), (unsigned long long)(cycles - first));
        } else {
            return std::fprintf(stderr, "unknown command %s\n", word.c_str()), 1;
        }
    }
    top->final();
}
