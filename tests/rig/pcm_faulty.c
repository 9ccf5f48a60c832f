/* A playback PCM without hardware: true pacing and faults on demand.
 *
 * An alsa-lib I/O plug-in for tests. A timer stands for the sound card's interrupt, the monotonic
 * clock for its sample clock: the play position is wherever the clock says it must be, so data that
 * come late are missed just as a real card would miss them. Every frame "heard" goes to a file.
 *
 * Build:  gcc -shared -fPIC -DPIC -o libasound_module_pcm_faulty.so pcm_faulty.c -lasound
 * Use:    pcm_type.faulty { lib "/.../libasound_module_pcm_faulty.so" }
 *         pcm.x { type faulty file "/tmp/out.raw" speed 20.0 fault "xrun@24000" }
 *
 * Settings, all optional:
 *   file          where the frames heard go, raw and interleaved; made anew at every open. Beside it FILE.faults:
 *                 a line for each fault that struck, `underrun` for a true one; after an xrun `gap` and for how many
 *                 microseconds nothing was heard
 *   speed         1.0 is real time
 *   formats       "S16_LE,S32_LE"    (S16, S24, S24_3, S32 and float when left out)
 *   rates         "44100,48000"      (8000 to 384000 when left out)
 *                 Either may be the path of a file that says it, so that a card can come back as another one.
 *   channels_min, channels_max       (1 to 64)
 *   mmap          no: read/write access only
 *   short         n: a write takes at most n frames (read/write access only)
 *   gone          a flag file: opening fails with ENODEV while it exists; a disconnect makes it
 *   fault         a list separated by '+' of kind@frame[:milliseconds], frames counted from open:
 *     xrun        the queued frames are lost, EPIPE
 *     suspend     ESTRPIPE; resume goes on with the queued frames
 *     noresume    ESTRPIPE; resume is refused, only prepare helps
 *     disconnect  the card is gone; its descriptor stays ready for ever
 *     stall:ms    the card stands still for that long, then its clock has moved on
 *     hang        the card never takes another frame, the interrupts go on
 *     dead        the card never takes another frame and no interrupt comes
 *     sick        EPIPE for ever, although prepare succeeds
 *     noroom      from here on poll wakes the writer at once, with or without room
 *     late        runs dry just after it told its room: what is written then goes nowhere
 *     block:ms    a call into the driver hangs for that long
 *     eio         a write fails with EIO (only with `short`)
 *   or one of busy, nodev, denied (no frame): opening fails with EBUSY, ENODEV, EACCES.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

enum kind { XRUN, SUSPEND, NORESUME, DISCONNECT, STALL, HANG, DEAD, SICK, NOROOM, LATE, BLOCK, EIO_ONCE, KINDS };
static const char *const kind_names[KINDS] = { "xrun", "suspend", "noresume", "disconnect", "stall",
					       "hang", "dead", "sick",	   "noroom",	 "late",    "block", "eio" };

struct fault {
	enum kind kind;
	uint64_t at; /* frames heard since open */
	unsigned ms;
	int done;
};

#define MAX_FAULTS 16

struct faulty {
	snd_pcm_ioplug_t io;
	int timer;   /* the "interrupt" */
	int out;     /* -1: no file */
	int log;     /* the same of FILE.faults */
	double speed;
	char *gone_flag;
	struct fault faults[MAX_FAULTS];
	int fault_count;

	unsigned frame_bytes;
	int moving;		  /* the sample clock runs */
	uint64_t clock_start_ns;  /* when it was started */
	uint64_t heard_at_start;  /* `heard` at that time */
	uint64_t heard;		  /* frames since open */
	snd_pcm_uframes_t hw;	  /* play position, counted from prepare */
	uint64_t still_until_ns;  /* stalled until then */
	uint64_t xrun_ns;	  /* when the last frame before an xrun was through */
	int hung, gone, sick, noroom, refuse_resume;

	/* Only with `short`: alsa-lib hands the data over instead of mapping the buffer. */
	snd_pcm_uframes_t short_write;
	int short_turn;
	char *ring;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Interrupts twice per period, so that the writer is woken in time whatever the phase. */
static void interrupts(struct faulty *f, int on)
{
	struct itimerspec spec = { 0 };
	if (on) {
		double s = 0.5 * f->io.period_size / f->io.rate / f->speed;
		long ns = s < 20e-6 ? 20000 : (long)(s * 1e9);
		spec.it_interval.tv_sec = ns / 1000000000;
		spec.it_interval.tv_nsec = ns % 1000000000;
		spec.it_value = spec.it_interval;
	}
	timerfd_settime(f->timer, 0, &spec, NULL);
}

static void note(struct faulty *f, const char *what)
{
	if (f->log >= 0 && dprintf(f->log, "%s\n", what) < 0)
		perror("faulty: log");
}

static void run_clock(struct faulty *f)
{
	f->clock_start_ns = now_ns();
	if (f->xrun_ns) {
		char gap[32];
		snprintf(gap, sizeof gap, "gap %llu", (unsigned long long)((f->clock_start_ns - f->xrun_ns) / 1000));
		note(f, gap);
		f->xrun_ns = 0;
	}
	f->heard_at_start = f->heard;
	f->moving = 1;
	if (!f->noroom)
		interrupts(f, 1);
}

static char *buffer_at(struct faulty *f, snd_pcm_uframes_t frame)
{
	if (f->ring)
		return f->ring + frame * f->frame_bytes;
	const snd_pcm_channel_area_t *areas = snd_pcm_ioplug_mmap_areas(&f->io);
	return areas ? (char *)areas->addr + frame * f->frame_bytes : NULL;
}

/* Plays `n` frames from the buffer. */
static void hear(struct faulty *f, snd_pcm_uframes_t n)
{
	while (n > 0) {
		snd_pcm_uframes_t offset = f->hw % f->io.buffer_size;
		snd_pcm_uframes_t part = f->io.buffer_size - offset;
		if (part > n)
			part = n;
		char *data = buffer_at(f, offset);
		if (data && f->out >= 0 && write(f->out, data, part * f->frame_bytes) < 0)
			perror("faulty: out");
		f->hw += part;
		f->heard += part;
		n -= part;
	}
}

static void disconnect(struct faulty *f)
{
	f->gone = 1;
	f->moving = 0;
	snd_pcm_ioplug_set_state(&f->io, SND_PCM_STATE_DISCONNECTED);
	if (f->gone_flag) {
		int fd = open(f->gone_flag, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd >= 0)
			close(fd);
	}
	interrupts(f, 1); /* left unread from now on: ready for ever */
}

/* Sets the state, so that alsa-lib learns the position and the fault in one: an error as the
 * position would hide what was still queued, one call later a write could slip in between. */
static void underrun(struct faulty *f)
{
	f->moving = 0;
	snd_pcm_ioplug_set_state(&f->io, SND_PCM_STATE_XRUN);
}

static void suspend(struct faulty *f)
{
	f->moving = 0;
	/* A negative position would become an xrun: the state has to say it. */
	snd_pcm_ioplug_set_state(&f->io, SND_PCM_STATE_SUSPENDED);
}

/* Lets one fault happen, at the present position. */
static void strike(struct faulty *f, const struct fault *fault)
{
	struct timespec nap = { fault->ms / 1000, (long)(fault->ms % 1000) * 1000000 };

	note(f, kind_names[fault->kind]);
	switch (fault->kind) {
	case XRUN:
		f->xrun_ns = f->clock_start_ns +
			     (uint64_t)((double)(f->heard - f->heard_at_start) * 1e9 / (f->io.rate * f->speed));
		underrun(f);
		break;
	case SICK:
		f->sick = 1;
		break;
	case NORESUME:
		f->refuse_resume = 1;
		suspend(f);
		break;
	case SUSPEND:
		suspend(f);
		break;
	case DISCONNECT:
		disconnect(f);
		break;
	case STALL:
		f->still_until_ns = now_ns() + (uint64_t)fault->ms * 1000000u;
		break;
	case DEAD:
		interrupts(f, 0);
		f->hung = 1;
		break;
	case HANG:
		f->hung = 1;
		break;
	case NOROOM:
		f->noroom = 1;
		break;
	case LATE: /* see faulty_delay */
	case EIO_ONCE: /* see faulty_transfer */
		break;
	case BLOCK:
		nanosleep(&nap, NULL);
		break;
	case KINDS:
		break;
	}
}

/* Where the play position is now: alsa-lib asks this before everything it does. */
static snd_pcm_sframes_t faulty_pointer(snd_pcm_ioplug_t *io)
{
	struct faulty *f = io->private_data;
	uint64_t now = now_ns();

	if (f->sick)
		return -EPIPE;
	if (!f->moving || f->hung || now < f->still_until_ns)
		return (snd_pcm_sframes_t)f->hw;

	double seconds = (double)(now - f->clock_start_ns) * 1e-9;
	uint64_t due = f->heard_at_start + (uint64_t)(seconds * io->rate * f->speed);
	uint64_t want = due > f->heard ? due - f->heard : 0;
	snd_pcm_uframes_t queued = snd_pcm_ioplug_hw_avail(io, f->hw, io->appl_ptr);

	for (int i = 0; i < f->fault_count; i++) {
		struct fault *fault = &f->faults[i];
		uint64_t reach = f->heard + (want < queued ? want : queued);
		if (fault->done || fault->kind == LATE || fault->kind == EIO_ONCE || reach < fault->at)
			continue;
		fault->done = 1;
		hear(f, fault->at > f->heard ? fault->at - f->heard : 0);
		strike(f, fault);
		return (snd_pcm_sframes_t)f->hw;
	}
	/* A true underrun: nothing left to play, and nobody said that this is the end. */
	if (want > 0 && queued == 0 && io->state != SND_PCM_STATE_DRAINING) {
		note(f, "underrun");
		underrun(f);
	}
	hear(f, want < queued ? want : queued);
	return (snd_pcm_sframes_t)f->hw;
}

static int faulty_start(snd_pcm_ioplug_t *io)
{
	run_clock(io->private_data);
	return 0;
}

static int faulty_stop(snd_pcm_ioplug_t *io)
{
	struct faulty *f = io->private_data;
	f->moving = 0;
	if (!f->gone && !f->noroom)
		interrupts(f, 0);
	return 0;
}

static int faulty_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
	struct faulty *f = io->private_data;
	(void)params;
	f->frame_bytes = (unsigned)snd_pcm_format_physical_width(io->format) / 8 * io->channels;
	if (f->short_write) {
		free(f->ring);
		f->ring = calloc(io->buffer_size, f->frame_bytes);
		if (!f->ring)
			return -ENOMEM;
	}
	return 0;
}

static int faulty_prepare(snd_pcm_ioplug_t *io)
{
	struct faulty *f = io->private_data;
	if (f->gone) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		return -ENODEV;
	}
	f->moving = 0;
	f->hw = 0;
	interrupts(f, 1);
	return 0;
}

/* alsa-lib ignores what this returns and looks at the state. */
static int faulty_resume(snd_pcm_ioplug_t *io)
{
	struct faulty *f = io->private_data;
	if (f->refuse_resume)
		return -ENOSYS;
	snd_pcm_ioplug_set_state(io, SND_PCM_STATE_RUNNING);
	run_clock(f);
	return 0;
}

/* alsa-lib has just asked for the position. */
static int faulty_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay)
{
	struct faulty *f = io->private_data;
	if (io->state == SND_PCM_STATE_XRUN)
		return -EPIPE;
	snd_pcm_uframes_t room = snd_pcm_ioplug_avail(io, f->hw, io->appl_ptr);
	for (int i = 0; i < f->fault_count && room >= io->period_size; i++) {
		struct fault *fault = &f->faults[i];
		if (fault->kind == LATE && !fault->done && f->moving && f->heard >= fault->at) {
			fault->done = 1;
			note(f, "late");
			hear(f, snd_pcm_ioplug_hw_avail(io, f->hw, io->appl_ptr));
			underrun(f);
		}
	}
	*delay = (snd_pcm_sframes_t)snd_pcm_ioplug_hw_avail(io, f->hw, io->appl_ptr);
	return 0;
}

/* Only with `short`: takes a few frames, then claims to be full for one call. */
static snd_pcm_sframes_t faulty_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
					 snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	struct faulty *f = io->private_data;
	for (int i = 0; i < f->fault_count; i++) {
		struct fault *fault = &f->faults[i];
		if (fault->kind == EIO_ONCE && !fault->done && f->heard >= fault->at) {
			fault->done = 1;
			note(f, "eio");
			return -EIO;
		}
	}
	f->short_turn = !f->short_turn;
	if (!f->short_turn)
		return -EAGAIN;
	if (size > f->short_write)
		size = f->short_write;
	const char *from = (const char *)areas->addr + offset * f->frame_bytes;
	for (snd_pcm_uframes_t i = 0; i < size; i++)
		memcpy(buffer_at(f, (io->appl_ptr + i) % io->buffer_size), from + i * f->frame_bytes,
		       f->frame_bytes);
	return (snd_pcm_sframes_t)size;
}

static int faulty_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count,
			  unsigned short *revents)
{
	struct faulty *f = io->private_data;
	uint64_t ticks;
	(void)fds;
	(void)count;

	*revents = 0;
	if (f->gone || io->state == SND_PCM_STATE_SUSPENDED) {
		*revents = POLLERR;
		return 0;
	}
	if (!f->noroom && read(f->timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
		return -errno;
	snd_pcm_sframes_t room = snd_pcm_avail_update(io->pcm);
	if (room < 0)
		*revents = POLLERR | POLLOUT;
	else if (f->noroom || (snd_pcm_uframes_t)room >= io->period_size)
		*revents = POLLOUT;
	return 0;
}

static int faulty_close(snd_pcm_ioplug_t *io)
{
	struct faulty *f = io->private_data;
	if (f->out >= 0)
		close(f->out);
	if (f->log >= 0)
		close(f->log);
	close(f->timer);
	free(f->gone_flag);
	free(f->ring);
	free(f);
	return 0;
}

static const snd_pcm_ioplug_callback_t mapped_callbacks = {
	.start = faulty_start,
	.stop = faulty_stop,
	.pointer = faulty_pointer,
	.close = faulty_close,
	.hw_params = faulty_hw_params,
	.prepare = faulty_prepare,
	.resume = faulty_resume,
	.poll_revents = faulty_revents,
	.delay = faulty_delay,
};

static const snd_pcm_ioplug_callback_t copying_callbacks = {
	.start = faulty_start,
	.stop = faulty_stop,
	.pointer = faulty_pointer,
	.transfer = faulty_transfer,
	.close = faulty_close,
	.hw_params = faulty_hw_params,
	.prepare = faulty_prepare,
	.resume = faulty_resume,
	.poll_revents = faulty_revents,
	.delay = faulty_delay,
};

/* Reads "kind@frame:ms+kind@frame". An unknown kind is an error: a typing mistake must not turn a
 * test into one that checks nothing. */
static int parse_faults(struct faulty *f, const char *text)
{
	while (*text) {
		char name[16];
		unsigned long long at;
		struct fault *fault = &f->faults[f->fault_count];
		int kind = 0;

		if (f->fault_count == MAX_FAULTS || sscanf(text, "%15[a-z]@%llu:%u", name, &at, &fault->ms) < 2)
			return -EINVAL;
		while (kind < KINDS && strcmp(name, kind_names[kind]))
			kind++;
		if (kind == KINDS)
			return -EINVAL;
		fault->kind = (enum kind)kind;
		fault->at = at;
		f->fault_count++;
		text += strcspn(text, "+");
		text += *text == '+';
	}
	return 0;
}

static int refused(const char *fault, const char *gone_flag)
{
	if (gone_flag && *gone_flag && access(gone_flag, F_OK) == 0)
		return -ENODEV;
	if (!fault)
		return 0;
	if (!strcmp(fault, "busy"))
		return -EBUSY;
	if (!strcmp(fault, "nodev"))
		return -ENODEV;
	if (!strcmp(fault, "denied"))
		return -EACCES;
	return 0;
}

/* The beginning of a short file. */
static char *contents(const char *path)
{
	char *text = calloc(1, 256);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (text && (fd < 0 || read(fd, text, 255) < 0))
		perror("faulty: list");
	if (fd >= 0)
		close(fd);
	return text;
}

/* Splits "a,b,c" and hands each word to `value`. */
static unsigned parse_list(const char *text, unsigned *out, unsigned max, unsigned (*value)(const char *))
{
	unsigned n = 0;
	char *copy = *text == '/' ? contents(text) : strdup(text), *rest = NULL;
	for (char *word = copy ? strtok_r(copy, ", \n", &rest) : NULL; word && n < max;
	     word = strtok_r(NULL, ", \n", &rest))
		out[n++] = value(word);
	free(copy);
	return n;
}

static unsigned format_of(const char *word)
{
	return (unsigned)snd_pcm_format_value(word);
}

static unsigned number_of(const char *word)
{
	return (unsigned)strtoul(word, NULL, 10);
}

struct settings {
	const char *file, *fault, *gone, *formats, *rates;
	double speed;
	long channels_min, channels_max, mmap, short_write;
};

static int read_settings(snd_config_t *conf, struct settings *s)
{
	snd_config_iterator_t i, next;
	snd_config_for_each(i, next, conf) {
		snd_config_t *node = snd_config_iterator_entry(i);
		const char *id;
		if (snd_config_get_id(node, &id) < 0)
			continue;
		if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint"))
			continue;
		int err;
		if (!strcmp(id, "file"))
			err = snd_config_get_string(node, &s->file);
		else if (!strcmp(id, "fault"))
			err = snd_config_get_string(node, &s->fault);
		else if (!strcmp(id, "gone"))
			err = snd_config_get_string(node, &s->gone);
		else if (!strcmp(id, "formats"))
			err = snd_config_get_string(node, &s->formats);
		else if (!strcmp(id, "rates"))
			err = snd_config_get_string(node, &s->rates);
		else if (!strcmp(id, "speed"))
			err = snd_config_get_ireal(node, &s->speed);
		else if (!strcmp(id, "channels_min"))
			err = snd_config_get_integer(node, &s->channels_min);
		else if (!strcmp(id, "channels_max"))
			err = snd_config_get_integer(node, &s->channels_max);
		else if (!strcmp(id, "mmap"))
			err = (int)(s->mmap = snd_config_get_bool(node)) < 0 ? -EINVAL : 0;
		else if (!strcmp(id, "short"))
			err = snd_config_get_integer(node, &s->short_write);
		else
			err = -EINVAL;
		if (err < 0) {
			SNDERR("faulty: bad setting %s", id);
			return err;
		}
	}
	return 0;
}

static int constrain(struct faulty *f, const struct settings *s)
{
	snd_pcm_ioplug_t *io = &f->io;
	unsigned access[] = { SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED };
	unsigned list[16], n;
	int err;

	err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, s->mmap && !f->short_write ? 2 : 1,
					    access);
	if (err < 0)
		return err;
	n = parse_list(s->formats, list, 16, format_of);
	err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, n, list);
	if (err < 0)
		return err;
	n = parse_list(s->rates, list, 16, number_of);
	err = n ? snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_RATE, n, list) :
		  snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, 8000, 384000);
	if (err < 0)
		return err;
	err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, (unsigned)s->channels_min,
					      (unsigned)s->channels_max);
	if (err < 0)
		return err;
	err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
	if (err < 0)
		return err;
	err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 32, 1u << 22);
	if (err < 0)
		return err;
	return snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 64, 1u << 24);
}

SND_PCM_PLUGIN_DEFINE_FUNC(faulty)
{
	struct settings s = { .formats = "S16_LE,S24_LE,S24_3LE,S32_LE,FLOAT_LE", .rates = "", .speed = 1.0,
			      .channels_min = 1, .channels_max = 64, .mmap = 1 };
	(void)root;
	int err = read_settings(conf, &s);
	if (err < 0)
		return err;
	if (stream != SND_PCM_STREAM_PLAYBACK)
		return -EINVAL;
	err = refused(s.fault, s.gone);
	if (err < 0)
		return err;

	struct faulty *f = calloc(1, sizeof *f);
	if (!f)
		return -ENOMEM;
	f->speed = s.speed > 0 ? s.speed : 1.0;
	f->short_write = (snd_pcm_uframes_t)s.short_write;
	f->gone_flag = s.gone && *s.gone ? strdup(s.gone) : NULL;
	err = s.fault ? parse_faults(f, s.fault) : 0;
	if (err < 0) {
		SNDERR("faulty: bad fault %s", s.fault);
		free(f->gone_flag);
		free(f);
		return err;
	}
	f->out = s.file && *s.file ? open(s.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	f->log = -1;
	if (f->out >= 0) {
		char path[4096];
		int n = snprintf(path, sizeof path, "%s.faults", s.file);
		if (n > 0 && (size_t)n < sizeof path)
			f->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	}
	f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	f->io.version = SND_PCM_IOPLUG_VERSION;
	f->io.name = "faulty playback PCM";
	f->io.callback = f->short_write ? &copying_callbacks : &mapped_callbacks;
	f->io.mmap_rw = f->short_write ? 0 : 1;
	f->io.poll_fd = f->timer;
	f->io.poll_events = POLLIN;
	f->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
	f->io.private_data = f;

	err = snd_pcm_ioplug_create(&f->io, name, stream, mode);
	if (err < 0) {
		faulty_close(&f->io);
		return err;
	}
	err = constrain(f, &s);
	if (err < 0) {
		snd_pcm_ioplug_delete(&f->io);
		return err;
	}
	*pcmp = f->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(faulty);
