using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Scripting;

/// <summary>The engine's own objects as they are shown.</summary>
internal static class EngineText
{
    public static DisplayForm Describe(Pipeline pipeline)
    {
        IEnumerable<string> methods = pipeline.Methods.Count == 0 ? ["  without methods"] : pipeline.MethodLabels.Select(label => $"  {label}");
        return new DisplayForm($"Pipeline over {Describe(pipeline.Model).Text}\n{string.Join('\n', methods)}");
    }

    public static DisplayForm Describe(Model model)
    {
        DecoderInfo info = model.Decoder.Info;
        return new DisplayForm($"{model.Name}: {info.Layers} layers of width {info.HiddenSize}, {model.Ops.Type} on {model.Ops.Device}");
    }

    public static DisplayForm Describe(Chat chat)
    {
        string pipeline = $"{chat.Pipeline.Model.Name}, {chat.Pipeline.Label}";
        return new DisplayForm(chat.Turns.Count == 0
            ? $"Chat with {pipeline}: nothing was asked yet"
            : string.Join('\n', [$"Chat with {pipeline}: {chat.Turns.Count} turn(s)", .. System(chat), .. chat.Turns.Select(Lines)]));

        static IEnumerable<string> System(Chat chat) => chat.System is { } system ? [$"  system  {Indented(system)}"] : [];

        static string Lines(ChatTurn turn)
        {
            string pictures = turn.Images.Count == 0 ? "" : $"[{string.Join(", ", turn.Images.Select(image => $"{image.Width}x{image.Height}"))}] ";
            string end = turn.Answer.Finish switch
            {
                FinishReason.Stopped => " … (stopped)",
                FinishReason.Length => " …",
                _ => "",
            };
            return $"  user    {pictures}{Indented(turn.Question)}\n  model   {Indented(turn.Answer.Text)}{end}";
        }

        static string Indented(string text) => text.ReplaceLineEndings("\n          ");
    }

    public static DisplayForm Describe(Answer answer) => new(
        $"{answer.Text}\n  {answer.Tokens.Count} token(s), {answer.Finish}; "
        + $"visual tokens {answer.VisualTokens} → {Comparison.Runs(answer.VisualTokensByLayer)}; "
        + $"{answer.Flops.Total / 1e9:0.000} GFLOPs, KV {Comparison.Size(answer.CacheBytes)}"
        + (answer.KeptTokens == 0 ? "" : $"; {answer.KeptTokens} of {answer.KeptTokens + answer.PromptTokens} rows kept from before"));

    public static DisplayForm Describe(Measurement measurement) => new(
        $"{measurement.Label}: {measurement.Answer}\n  visual tokens {Comparison.Runs(measurement.VisualTokensByLayer)}, "
        + $"{measurement.Flops.Total / 1e9:0.000} GFLOPs, "
        + $"prefill {measurement.Times.Prefill:0.00} ms, {measurement.Times.DecodePerToken:0.00} ms a token, KV {Comparison.Size(measurement.CacheBytes)}\n"
        + $"  {measurement.MeasuredOn}");
}
