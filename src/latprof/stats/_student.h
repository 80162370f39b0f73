/* Student's t as quantiles.py has it, step by step and so to the last bit, in plain C. No function needs Python. */

#ifndef LATPROF_STUDENT_H
#define LATPROF_STUDENT_H

#include <math.h>
#include <stdint.h>

#define PI 3.141592653589793
/* The lower end of 95 % of the standard normal distribution. */
#define NORMAL_95 (-1.9599639845400536)

/* The upper end of 95 %. Of a tail that the compiler knows it would work functions out by itself, and better than the
   library that Python asks. */
static double upper_point(int64_t whole) {
    volatile double known = 2 * (1 - 0.975);
    double tail = known, degrees = (double)whole;
    if (whole == 1) return 1 / tan(PI * tail / 2);
    if (whole == 2) return sqrt(2 / (tail * (2 - tail)) - 2);
    double a = 1 / (degrees - 0.5);
    double b = 48 / (a * a);
    double c = ((20700 * a / b - 98) * a - 16) * a + 96.36;
    double d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * PI / 2) * degrees;
    double y = pow(d * tail, 2 / degrees);
    if (y > 0.05 + a) {
        double x = NORMAL_95;
        y = x * x;
        if (whole < 5) c += 0.3 * (degrees - 4.5) * (x + 0.6);
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
        y = expm1(a * y * y);
    } else
        y = ((1 / (((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3) + 0.5 / (degrees + 4)) * y - 1) *
                (degrees + 1) / (degrees + 2) +
            1 / y;
    return sqrt(degrees * y);
}

/* The same, each worked out once: NaN is what nobody needed yet. */
static double known_point(double *points, int64_t degrees) {
    if (isnan(points[degrees])) points[degrees] = upper_point(degrees);
    return points[degrees];
}

#endif
