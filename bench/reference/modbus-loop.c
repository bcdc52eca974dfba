/*
 * The reference of A1 and A2: libmodbus asks for 60 registers on one connection, again and again, and looks at every one.
 *
 *   modbus-loop PORT SECONDS     prints round trips a second
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REGISTERS = 60 };

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "modbus-loop PORT SECONDS\n"), 2;
  modbus_t *client = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
  if (!client || modbus_connect(client) < 0) return perror("connect"), 1;
  modbus_set_slave(client, 1);
  uint16_t values[REGISTERS];
  double began = now(), until = began + atof(argv[2]);
  long done = 0;
  do {
    for (int burst = 0; burst < 64; burst++, done++) {
      if (modbus_read_registers(client, 0, REGISTERS, values) != REGISTERS) return fprintf(stderr, "%s\n", modbus_strerror(errno)), 1;
      for (int at = 0; at < REGISTERS; at++)
        if (values[at] != at) return fprintf(stderr, "register %d is %d\n", at, values[at]), 1;
    }
  } while (now() < until);
  printf("%.0f\n", done / (now() - began));
  modbus_close(client);
  modbus_free(client);
  return 0;
}
