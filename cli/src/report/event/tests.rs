use super::*;

pub(in crate::report) fn summary() -> Summary {
    Summary {
        frames: 96_000,
        seconds: 2.0,
        damaged: 0,
        rate: Some(48_000),
        backend: Some("alsa".into()),
        device: Some("hw:PCH".into()),
        ended: Ended::End,
        device_xruns: Some(0),
        late_callbacks: None,
        starvations: 0,
        starved_frames: 0,
        clips: 0,
        losses: 0,
        reason: None,
        abandoned: 0,
        delivery: Default::default(),
        latency: Latency::Off,
        error: None,
    }
}

#[test]
fn started() {
    let mut s = Started {
        after_ms: 12.3456789,
        rate: 48_000,
        channels: 2,
        channel_map: Some(vec!["FL".into(), "FR".into()]),
        period: Some(1024),
        periods: Some(3),
        format: Some("s32"),
        backend: "jack".into(),
        device: Some("default".into()),
        latency: OutputLatency::new(2048, 48_000),
    };
    assert_eq!(
        json("started", 13, &s),
        "{\"event\":\"started\",\"v\":1,\"t_ms\":13,\"after_ms\":12.345679,\"rate\":48000,\
         \"channels\":2,\"channel_map\":[\"FL\",\"FR\"],\"period\":1024,\"periods\":3,\"format\":\"s32\",\"backend\":\"jack\",\"device\":\"default\",\
         \"output_latency_frames\":2048,\"output_latency_ms\":42.666667}\n"
    );
    (s.period, s.periods, s.format) = (None, None, None);
    s.channel_map = None;
    s.device = None;
    s.latency = OutputLatency::default();
    assert_eq!(
        json("started", 0, &s),
        "{\"event\":\"started\",\"v\":1,\"t_ms\":0,\"after_ms\":12.345679,\"rate\":48000,\
         \"channels\":2,\"channel_map\":null,\"period\":null,\"periods\":null,\"format\":null,\"backend\":\"jack\",\"device\":null,\
         \"output_latency_frames\":null,\"output_latency_ms\":null}\n"
    );
}

#[test]
fn position() {
    let p = Position {
        frame: 5,
        length_frames: Some(10),
        state: State::Paused,
        reason: Some("the device is lost".into()),
        song: Some("a \"b\"\n".into()),
        section: None,
        latency: Default::default(),
    };
    assert_eq!(
        json("position", 1, &p),
        "{\"event\":\"position\",\"v\":1,\"t_ms\":1,\"frame\":5,\"length_frames\":10,\
         \"state\":\"paused\",\"reason\":\"the device is lost\",\"song\":\"a \\\"b\\\"\\n\",\
         \"section\":null,\"output_latency_frames\":null,\"output_latency_ms\":null}\n"
    );
    for (state, word) in [
        (State::Stopped, "\"stopped\""),
        (State::Playing, "\"playing\""),
        (State::Ended, "\"ended\""),
    ] {
        assert_eq!(serde_json::to_string(&state).unwrap(), word);
    }
    let mut q = p.clone();
    q.frame = 9;
    assert!(!p.turns(&q));
    q.section = Some(String::new());
    assert!(p.turns(&q));
}

#[test]
fn device_warning_and_error() {
    let d = Device {
        state: Health::Lost.into(),
        reason: Some("unplugged".into()),
    };
    assert_eq!(
        json("device", 2, &d),
        "{\"event\":\"device\",\"v\":1,\"t_ms\":2,\"state\":\"lost\",\"reason\":\"unplugged\"}\n"
    );
    let w = Warning {
        code: "damaged".into(),
        message: "m".into(),
        track: None,
    };
    assert_eq!(
        json("warning", 3, &w),
        "{\"event\":\"warning\",\"v\":1,\"t_ms\":3,\"code\":\"damaged\",\"message\":\"m\",\
         \"track\":null}\n"
    );
    let e = Failure {
        code: "no-server".into(),
        message: "m".into(),
    };
    assert_eq!(
        json("error", 4, &e),
        "{\"event\":\"error\",\"v\":1,\"t_ms\":4,\"code\":\"no-server\",\"message\":\"m\"}\n"
    );
}

#[test]
fn a_summary_without_monitoring() {
    assert_eq!(
        summary_json(5, &summary(), 0),
        "{\"event\":\"summary\",\"v\":1,\"t_ms\":5,\"frames\":96000,\"seconds\":2.0,\
         \"damaged\":0,\"rate\":48000,\"backend\":\"alsa\",\"device\":\"hw:PCH\",\
         \"ended\":\"end\",\"device_xruns\":0,\"late_callbacks\":null,\"starvations\":0,\
         \"starved_frames\":0,\"clips\":0,\"losses\":0,\"reason\":null,\"abandoned\":0,\"output_latency_frames\":null,\"output_latency_ms\":null,\"cpu_load_pct\":null,\"max_delay_ms\":null,\"cycle_late_ms\":null,\"drift_ppm\":null,\"rt_priority\":null,\"monitoring\":\"off\",\"latency\":{\"mean_ms\":0.0,\
         \"max_ms\":0.0,\"min_ms\":0.0,\"xruns\":0,\"budget_ms\":0.0,\"usage_pct\":0.0,\
         \"total_callbacks\":0},\"error\":null}\n"
    );
}

#[test]
fn a_summary_of_a_run_that_never_began() {
    let s = Summary {
        frames: 0,
        seconds: 0.0,
        rate: None,
        backend: None,
        device: None,
        ended: Ended::Error,
        device_xruns: None,
        error: Some(Failure {
            code: "no-server".into(),
            message: "No server.".into(),
        }),
        ..summary()
    };
    assert_eq!(
        summary_json(5, &s, 3),
        "{\"event\":\"summary\",\"v\":1,\"t_ms\":5,\"frames\":0,\"seconds\":0.0,\
         \"damaged\":0,\"rate\":null,\"backend\":null,\"device\":null,\
         \"ended\":\"error\",\"device_xruns\":null,\"late_callbacks\":null,\"starvations\":0,\
         \"starved_frames\":0,\"clips\":0,\"losses\":0,\"reason\":null,\"abandoned\":0,\"output_latency_frames\":null,\"output_latency_ms\":null,\"cpu_load_pct\":null,\"max_delay_ms\":null,\"cycle_late_ms\":null,\"drift_ppm\":null,\"rt_priority\":null,\"monitoring\":\"off\",\"latency\":{\"mean_ms\":0.0,\
         \"max_ms\":0.0,\"min_ms\":0.0,\"xruns\":0,\"budget_ms\":0.0,\"usage_pct\":0.0,\
         \"total_callbacks\":0},\"error\":{\"code\":\"no-server\",\"message\":\"No server.\"},\
         \"dropped_lines\":3}\n"
    );
}

#[test]
fn monitoring_levels() {
    let mut s = summary();
    let latency = |s: &Summary| {
        let line = summary_json(0, s, 0);
        let at = line.find("\"monitoring\"").unwrap();
        line[at..].to_string()
    };
    s.latency = Latency::Sampled {
        total_callbacks: 94,
        budget_ms: 1024.0 / 48.0,
        callbacks_per_s: 46.9,
        longest_gap_ms: 22.5,
    };
    assert_eq!(
        latency(&s),
        "\"monitoring\":\"sampled\",\"latency\":{\"mean_ms\":null,\"max_ms\":null,\
         \"min_ms\":null,\"xruns\":null,\"budget_ms\":21.333333,\"usage_pct\":null,\
         \"total_callbacks\":94,\"callbacks_per_s\":46.9,\"longest_gap_ms\":22.5},\
         \"error\":null}\n"
    );
    s.latency = Latency::Full {
        mean_ms: 0.1 + 0.2,
        max_ms: 1.0,
        min_ms: 0.01,
        xruns: 2,
        budget_ms: 2.666_666_666_7,
        usage_pct: f64::NAN,
        total_callbacks: 94,
    };
    assert_eq!(
        latency(&s),
        "\"monitoring\":\"full\",\"latency\":{\"mean_ms\":0.3,\"max_ms\":1.0,\
         \"min_ms\":0.01,\"xruns\":2,\"budget_ms\":2.666667,\"usage_pct\":null,\
         \"total_callbacks\":94},\"error\":null}\n"
    );
}
