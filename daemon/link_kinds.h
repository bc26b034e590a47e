/* SPDX-License-Identifier: MIT */
#ifndef LINK_KINDS_H
#define LINK_KINDS_H

/* The functions behind the rows of link_table.c. */

#include "link_table.h"

bool link_serial_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_serial_open(void *context, char *reason, size_t size);
void link_serial_describe(const struct link_settings *settings, char *text, size_t size);
void link_serial_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);

bool link_usb_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_usb_open(void *context, char *reason, size_t size);
void link_usb_describe(const struct link_settings *settings, char *text, size_t size);
void link_usb_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);

bool link_spi_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_spi_open(void *context, char *reason, size_t size);
void link_spi_describe(const struct link_settings *settings, char *text, size_t size);
void link_spi_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);
void link_spi_bus_name(const struct link_settings *settings, char *text, size_t size);
bool link_spi_is_same(const struct link_settings *one, const struct link_settings *other);
bool link_spi_collides(const struct link_settings *one, const struct link_settings *other, char *needs, size_t size);

bool link_i2c_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_i2c_open(void *context, char *reason, size_t size);
void link_i2c_describe(const struct link_settings *settings, char *text, size_t size);
void link_i2c_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);
void link_i2c_bus_name(const struct link_settings *settings, char *text, size_t size);
bool link_i2c_is_same(const struct link_settings *one, const struct link_settings *other);
void link_i2c_explain_loss(void *context, int error, char *reason, size_t size);

bool link_can_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_can_open(void *context, char *reason, size_t size);
void link_can_describe(const struct link_settings *settings, char *text, size_t size);
void link_can_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);
void link_can_bus_name(const struct link_settings *settings, char *text, size_t size);
bool link_can_is_same(const struct link_settings *one, const struct link_settings *other);
void link_can_explain_loss(void *context, int error, char *reason, size_t size);

bool link_sim_check(const struct link_settings *settings, char *problem, size_t size);
struct omvrpc_link *link_sim_open(void *context, char *reason, size_t size);
void link_sim_describe(const struct link_settings *settings, char *text, size_t size);
void link_sim_clear(struct link_settings *settings);

#endif
