using Aperture.Decoding;
using Aperture.Plugins.Eas;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Sequences;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>
/// Loss and gradients of a padded batch with the prompt mask. It runs here ragged: padding, which stands on the right and bears no loss, is neither run nor
/// compared.
/// </summary>
public sealed class LlavaTrainRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "llava_eas_train";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedEasDecoder model = new(golden);
        Tensor mask = golden.Get("in.attention_mask"), labels = golden.Get("in.labels");
        int samples = (int)mask.size(0), columns = (int)mask.size(1);
        int[] lengths = [.. Enumerable.Range(0, samples).Select(sample => (int)mask[sample].sum().item<long>())];
        Tensor real = tensor([.. lengths.SelectMany((length, sample) => Enumerable.Range(0, length).Select(row => ((long)sample * columns) + row))]);
        golden.Compare("mid.prompt_mask", TokenQueries.PromptMask(labels));

        Tensor embeddings = golden.Get("in.inputs_embeds").clone();
        embeddings.requires_grad = true;
        foreach ((string _, Tensor parameter) in model.Adapters.Named())
        {
            parameter.requires_grad = true;
        }

        using Decoder decoder = model.Decoder.ForTraining();
        using EasRouter router = model.Router(new EasSettings { Query = TokenQuery.PromptMask });
        HookTable table = HookTableBuilder.Build(decoder.Info, [router]);
        SequenceLayout[] layouts = RecordedEasDecoder.Layouts(lengths);
        Tensor packedLabels = labels.reshape(-1).index_select(0, real);
        CompareRouters(golden, decoder, table, layouts, embeddings, real, packedLabels);
        using DecoderRun run = DecoderRun.Begin(decoder, embeddings.reshape(samples * columns, -1).index_select(0, real), layouts, packedLabels, table);
        for (int layer = 0; layer < decoder.Info.Layers; layer++)
        {
            run.RunTo(layer + 1, CancellationToken.None);
            bool last = layer == decoder.Info.Layers - 1;
            CompareReal(golden, $"mid.hidden_{layer}", last ? decoder.FinalNorm(run.Hidden, (int)real.size(0)) : run.Hidden, real);
        }

        CompareReal(golden, "out.logits", run.Logits(), real);
        Tensor loss = run.NextTokenLoss();
        golden.Compare("out.loss", loss);
        loss.backward();
        golden.Compare("out.grad.inputs_embeds", embeddings.grad!);
        foreach ((string name, Tensor parameter) in model.Adapters.Named())
        {
            golden.Compare($"out.grad.{name}", parameter.grad!);
        }
    }

    private static void CompareRouters(
        GoldenCase golden, Decoder decoder, HookTable table, SequenceLayout[] layouts, Tensor embeddings, Tensor real, Tensor labels)
    {
        using IDisposable quiet = no_grad();
        using EasTrace trace = new();
        using RequestContext request = new(decoder.Info, layouts, table, trace, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Labels = labels;
        decoder.Run(state, embeddings.reshape(-1, embeddings.size(2)).index_select(0, real), CancellationToken.None).Dispose();
        for (int layer = 0; layer < decoder.Info.Layers; layer++)
        {
            golden.Compare($"mid.router_w_{layer}", trace["eas.router", layer]);
        }
    }

    // Padding keeps the recorded values.
    private static void CompareReal(GoldenCase golden, string name, Tensor packed, Tensor real)
    {
        using IDisposable quiet = no_grad();
        Tensor recorded = golden.Get(name);
        Tensor filled = recorded.reshape(-1, recorded.size(2)).index_copy(0, real, packed);
        golden.Compare(name, filled.view(recorded.shape));
    }
}
