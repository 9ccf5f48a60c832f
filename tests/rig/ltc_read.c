/* Reads mono 32-bit floats from standard input and prints the time code that libltc hears in them, a line for each frame:
 * the sample at which it began, HH:MM:SS:FF, and whether it is drop-frame.
 *
 * ltc_read SAMPLES_PER_FRAME
 */
#include <ltc.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    float samples[256];
    ltc_off_t at = 0;
    size_t n;
    LTCDecoder *decoder;
    LTCFrameExt frame;

    if (argc != 2 || !(decoder = ltc_decoder_create(atoi(argv[1]), 32)))
        return 64;
    while ((n = fread(samples, sizeof *samples, 256, stdin)) > 0) {
        ltc_decoder_write_float(decoder, samples, n, at);
        at += n;
        while (ltc_decoder_read(decoder, &frame)) {
            SMPTETimecode code;
            ltc_frame_to_time(&code, &frame.ltc, 0);
            printf("%lld %02d:%02d:%02d:%02d %d\n", (long long)frame.off_start, code.hours, code.mins, code.secs, code.frame,
                   frame.ltc.dfbit);
        }
    }
    ltc_decoder_free(decoder);
    return 0;
}
