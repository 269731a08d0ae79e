using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>LaVIN in batches of unequal prompts: tower with adapters, first forward, decode, tokens; EAS with its skips and without any.</summary>
public abstract class LavinGenerateRunner : IGoldenRunner
{
    public string Area => "eas";

    public abstract string Kind { get; }

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedLavin recorded = new(golden);
        CompareVision(golden, recorded);
        using LavinTrace trace = new();
        Generate(golden, recorded, "out.", trace);
        CompareLayers(golden, trace);
        if (golden.Has("out.no_skip.tokens"))
        {
            Generate(golden, recorded, "out.no_skip.", null, ("SkipLayers", Array.Empty<int>()));
        }

        golden.NotCompared("in.prompt_lengths", "prompts carry their padding");
        golden.NotCompared("in.prefix_noimage_ids", "prompts carry their prefix");
    }

    private static void CompareVision(GoldenCase golden, RecordedLavin recorded)
    {
        using IDisposable mode = inference_mode();
        using ILayerRouter method = recorded.Method();
        IReadOnlyList<VisionFeatures> features = recorded.Encode(golden.Get("in.images"), HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]));
        golden.Compare("mid.visual_taps", stack([.. features.Select(own => own.Tokens)], 0));
        golden.Compare("mid.visual_tokens", stack([.. features.Select(own => recorded.Model.Projector.Project(own).Rows)], 0));
    }

    private static void Generate(GoldenCase golden, RecordedLavin recorded, string prefix, LavinTrace? trace, params (string Name, object Value)[] options)
    {
        using ILayerRouter method = recorded.Method(options);
        IReadOnlyList<GeneratedSequence> sequences = LavinRun.Greedy(golden, recorded, method, trace);
        int[][] prompts = RecordedLavin.Rows(golden.Get("in.prompt_ids"));
        LavinRun.CompareTokens(golden, prefix + "tokens", prompts, sequences);
        golden.Compare(prefix + "step_logits", LavinRun.Logits(sequences));
    }

    private static void CompareLayers(GoldenCase golden, LavinTrace trace)
    {
        golden.Compare("mid.prefill.input", trace.Input(0));
        if (golden.Has("mid.decode1.input"))
        {
            golden.Compare("mid.decode1.input", trace.Input(1));
        }

        LavinRun.CompareLayers(golden, "mid.", trace);
    }
}

/// <summary>LaVIN with its own adapters.</summary>
public sealed class LavinBaseGenerateRunner : LavinGenerateRunner
{
    public override string Kind => "lavin_base_generate";
}

/// <summary>LaVIN with the adapters of EAS.</summary>
public sealed class LavinEasGenerateRunner : LavinGenerateRunner
{
    public override string Kind => "lavin_eas_generate";
}
