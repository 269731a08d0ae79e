using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>A recorded batch of training, with gradients to all parameters but the tower's.</summary>
internal sealed class RecordedTraining : IDisposable
{
    private readonly GoldenCase _golden;
    private readonly Decoder _decoder;
    private readonly IProjector _projector;
    private readonly FlashSlothReducer _method;

    public RecordedTraining(GoldenCase golden)
    {
        _golden = golden;
        Recorded = new RecordedFlashSloth(golden);
        DecoderSpec spec = Recorded.Model.Decoder.Spec;
        using (no_grad())
        {
            Features = Recorded.Encode();
            foreach ((string name, Tensor tensor) in Recorded.Model.Decoder.Weights.Named("model.", "lm_head").Concat(Recorded.Model.Projector.Named()))
            {
                Add(name, tensor.clone());
            }

            foreach (string name in Recorded.Weights.Names.Where(IsOwn))
            {
                Add(name, Recorded.Weights.LoadCopy(name));
            }
        }

        ParameterSource source = new(Leaves, ScalarType.Float32);
        _projector = Recorded.Model.Projector.Over(source);
        _decoder = new Decoder(
            spec, DecoderWeights.Load(source, "model.", "lm_head", spec, RecordedEmbq.Policy), Recorded.Model.Ops.ForTraining(), Recorded.Model.Decoder.Info);
        _method = Recorded.Method(Recorded.Options(), source);
    }

    public RecordedFlashSloth Recorded { get; }

    public IReadOnlyList<VisionFeatures> Features { get; }

    /// <summary>All parameters by canonical name.</summary>
    public Dictionary<string, Tensor> Leaves { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<int> Counts { get; private set; } = [];

    public long[] Labels { get; private set; } = [];

    public IReadOnlyList<Sequences.SequenceLayout> Layouts { get; private set; } = [];

    public Tensor Embedded { get; private set; } = empty(0);

    /// <summary>Starts the batch's forward; the caller disposes it.</summary>
    public DecoderRun Begin(IDecoderTrace? trace = null)
    {
        HookTable table = HookTableBuilder.Build(_decoder.Info, [_method]);
        RequestPath path = new(Recorded.Model, table) { Decoder = _decoder, Projector = _projector, Differentiable = true };
        EnteredRequest entered = Recorded.Enter(path, Features, trace);
        Labels = Recorded.LabelsOf(entered);
        Layouts = entered.Layouts;
        Counts = [.. Layouts.Select(layout => layout.Count)];
        DecoderRun run = DecoderRun.Begin(_decoder, entered, DecoderPhase.Train, tensor(Labels));
        Embedded = run.Hidden.detach();
        return run;
    }

    /// <summary>Compares labels and, where recorded, the mask of the padded batch.</summary>
    public void CompareRows()
    {
        Tensor recorded = _golden.Get("out.labels");
        _golden.CompareExact("out.labels", RecordedFlashSloth.Filled(full_like(recorded, -100), tensor(Labels), Counts));
        if (_golden.Has("out.attention_mask"))
        {
            Tensor mask = _golden.Get("out.attention_mask");
            _golden.CompareExact("out.attention_mask", RecordedFlashSloth.Filled(zeros_like(mask), ones(Counts.Sum(), dtype: mask.dtype), Counts));
        }
    }

    public void Dispose()
    {
        _method.Dispose();
        _decoder.Dispose();
        _projector.Dispose();
        Recorded.Dispose();
    }

    private static bool IsOwn(string name)
        => name.StartsWith(SpatialPooling.Prefix, StringComparison.Ordinal) || name.StartsWith(EmbqWeights.Prefix, StringComparison.Ordinal);

    private void Add(string name, Tensor value) => Leaves[name] = value.requires_grad_(true);
}

/// <summary>Samples with one turn, without a picture and with two turns in one batch: rows, questions, updated queries, logits, loss.</summary>
public sealed class TrainBatchRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "fs_train_batch";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedTraining training = new(golden);
        FlashTrace trace = new();
        using DecoderRun run = training.Begin(trace);
        training.CompareRows();
        Tensor embeds = golden.Get("mid.inputs_embeds");
        golden.Compare("mid.inputs_embeds", RecordedFlashSloth.Filled(zeros_like(embeds), training.Embedded, training.Counts));
        run.RunTo(training.Recorded.Model.Decoder.Spec.Layers, CancellationToken.None);
        using (no_grad())
        {
            int inject = training.Recorded.Options().InjectLayer;
            QueryChecks.Compare(golden, training.Recorded, training.Layouts, trace.Outputs[inject - 1], training.Features, training.Labels);
            string name = $"mid.layer{inject}.in";
            golden.Compare(name, RecordedFlashSloth.Filled(golden.Get(name), trace.Inputs[inject], training.Counts));
            golden.Compare("out.logits", RecordedFlashSloth.Filled(golden.Get("out.logits"), run.Logits(), training.Counts));
        }

        golden.Compare("out.loss", run.NextTokenLoss());
    }
}

/// <summary>A batch of captions: the alignment stage's rule for questions.</summary>
public sealed class AlignmentRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "fs_stage1_plain_rule";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedTraining training = new(golden);
        using DecoderRun run = training.Begin();
        training.CompareRows();
        for (int sample = 0; sample < training.Layouts.Count; sample++)
        {
            int first = run.Offsets[sample];
            QueryGroup group = Assert.Single(QueryGroup.Of(
                training.Layouts[sample], QuestionRange.PerTurn, training.Labels.AsSpan(first, training.Layouts[sample].Count)));
            JsonElement range = golden.Config.GetProperty("question_ranges")[sample][0];
            Assert.Equal((range[0].GetInt32(), range[1].GetInt32()), (group.Question, group.End));
        }

        run.RunTo(training.Recorded.Model.Decoder.Spec.Layers, CancellationToken.None);
        using (no_grad())
        {
            long[] ends = [.. Enumerable.Range(0, run.Samples).Select(sample => (long)run.Offsets[sample + 1] - 1)];
            Tensor last = run.Logits(tensor(ends));

            // The last row of a shorter sample is padding in the recording.
            int longest = training.Counts.Max();
            Tensor recorded = golden.Get("out.logits_last").clone();
            for (int sample = 0; sample < run.Samples; sample++)
            {
                if (training.Counts[sample] == longest)
                {
                    recorded[sample].copy_(last[sample]);
                }
            }

            golden.Compare("out.logits_last", recorded);
        }

        golden.Compare("out.loss", run.NextTokenLoss());
    }
}

/// <summary>Gradients of a whole batch: norms of all parameters, some in full; none reach the tower.</summary>
public sealed class GradientsRunner : IGoldenRunner
{
    private const string Prefix = "out.grad.";
    private const double Nothing = 1e-6; // gradients that are zero but for rounding

    public string Area => "flashsloth";

    public string Kind => "fs_gradients";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedTraining training = new(golden);
        DecoderSpec spec = training.Recorded.Model.Decoder.Spec;
        using DecoderRun run = training.Begin();
        run.RunTo(spec.Layers, CancellationToken.None);
        Tensor loss = run.NextTokenLoss();
        golden.Compare("out.loss", loss);
        loss.backward();
        Tensor Gradient(string name) => training.Leaves[CanonicalWeights.NameOf(name, "model.", "lm_head", spec)].grad!;
        foreach (string name in golden.Names.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            golden.Compare(name, Gradient(name[Prefix.Length..]));
        }

        int compared = 0;
        foreach (JsonProperty norm in golden.Config.GetProperty("grad_norms").EnumerateObject())
        {
            if (norm.Value.ValueKind == JsonValueKind.Null)
            {
                Assert.DoesNotContain(norm.Name, training.Leaves.Keys);
                continue;
            }

            double expected = norm.Value.GetDouble(), actual = Gradient(norm.Name).norm().item<float>();
            Assert.True(
                Math.Abs(expected - actual) <= Math.Max(golden.Tolerance * expected, Nothing), $"{norm.Name}: norm {actual}, recorded {expected}");
            compared++;
        }

        Assert.Equal(training.Leaves.Count, compared);
    }
}
