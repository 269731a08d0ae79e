using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>LaVIN-EAS's training form: layers, logits, loss and the gradients of everything that is trained.</summary>
public sealed class LavinTrainRunner : IGoldenRunner
{
    private const string Gradient = "out.grad.";

    public string Area => "eas";

    public string Kind => "lavin_eas_train";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedLavin recorded = new(golden);
        Model model = recorded.Model;
        using EasRouter method = (EasRouter)recorded.Method();
        LavinProjection projection = LavinProjection.Load(
            model.Checkpoint, recorded.Encoder.Channels, model.Decoder.Info.HiddenSize, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32));
        Dictionary<string, Tensor> trained = projection.Named()
            .Concat(method.Adapters.Named("layers."))
            .Concat(method.Adapters.Vision!.Named())
            .ToDictionary(entry => entry.Name, entry => entry.Tensor);
        foreach (Tensor tensor in trained.Values)
        {
            tensor.requires_grad_(true);
        }

        int rows = (int)golden.Get("in.examples").size(1);
        using Decoder decoder = model.Decoder.ForTraining();
        LabelledPrompt[] prompts = Prompts(golden);
        using IDecoderRun run = Begin(golden, recorded, decoder, projection, method, prompts, rows);
        for (int layer = 0; layer < model.Decoder.Info.Layers; layer++)
        {
            run.RunTo(layer + 1, CancellationToken.None);
            golden.Compare($"mid.layer_{layer}", run.Hidden.view(prompts.Length, rows, -1));
        }

        golden.Compare("out.logits", run.Logits().view(prompts.Length, rows, -1));
        Tensor loss = run.NextTokenLoss();
        golden.Compare("out.loss", loss);
        loss.backward();
        CompareGradients(golden, trained);
    }

    // As a training batch runs it, from recorded pixels instead of pictures.
    private static DecoderRun Begin(
        GoldenCase golden, RecordedLavin recorded, Decoder decoder, LavinProjection projection, EasRouter method, LabelledPrompt[] prompts, int rows)
    {
        HookTable table = HookTableBuilder.Build(decoder.Info, [method]);
        RequestPath path = new(recorded.Model, table) { Decoder = decoder, Projector = projection, Differentiable = true };
        EnteredRequest entered = new(path.Begin(prompts.Length, null, CancellationToken.None));
        VisionRequest vision = new() { Request = entered.Request, Hooks = table.Vision, Differentiable = true };
        IReadOnlyList<VisionFeatures> features = recorded.Encoder.EncodePixels(golden.Get("in.images"), vision, CancellationToken.None);
        int projected = 0;
        for (int i = 0; i < prompts.Length; i++)
        {
            IReadOnlyList<VisualTokens> tokens = path.Project(
                entered.Request, i, prompts[i].Ids.Contains(LavinPacker.Placeholder) ? [features[i]] : [], ref projected);
            entered.Add(TrainingRows.Fitted(path.Pack(prompts[i].Ids, tokens), rows, padId: 0, decoder));
        }

        entered.Enter(null);
        Tensor labels = tensor(
            [.. prompts.SelectMany((prompt, i) => TrainingRows.LabelsOf(prompt, entered.Layouts[i], new LavinPacker()))], dtype: ScalarType.Int64);
        return DecoderRun.Begin(decoder, entered, DecoderPhase.Train, labels);
    }

    private static void CompareGradients(GoldenCase golden, Dictionary<string, Tensor> trained)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith(Gradient, StringComparison.Ordinal)))
        {
            golden.Compare(name, trained[name[Gradient.Length..]].grad!);
        }

        string[] names = [.. golden.Meta.GetProperty("grad_norms_names").EnumerateArray().Select(name => name.GetString()!)];
        golden.Compare("out.grad_norms", stack([.. names.Select(name => trained[name].grad!.norm())], 0));
        Assert.All(golden.Meta.GetProperty("no_gradient").EnumerateArray(), name => Assert.True(trained[name.GetString()!].grad is null, name.GetString()));
        Assert.Equal(trained.Keys.Order(), names.Concat(golden.Meta.GetProperty("no_gradient").EnumerateArray().Select(name => name.GetString()!)).Order());
    }

    // The prefix and the picture stand behind the first token; label 0 is none.
    private static LabelledPrompt[] Prompts(GoldenCase golden)
    {
        int[] Ids(string name) => [.. golden.Get(name).flatten().data<long>().ToArray().Select(id => (int)id)];
        int[] withImage = Ids("in.prefix_img"), without = Ids(
            "in.prefix_nonimg"), indicators = Ids("in.indicators"), examples = Ids("in.examples"), labels = Ids("in.labels");
        int length = examples.Length / indicators.Length;
        return [.. indicators.Select((indicator, i) =>
        {
            int[] prefix = indicator == 1 ? [.. withImage, LavinPacker.Placeholder] : without;
            Range own = (i * length)..((i + 1) * length);
            int[] label = [.. labels[own].Select(value => value == 0 ? LabelledPrompt.Ignored : value)];
            return new LabelledPrompt(
                [examples[own][0], .. prefix, .. examples[own][1..]], [label[0], .. prefix.Select(_ => LabelledPrompt.Ignored), .. label[1..]]);
        })];
    }
}
