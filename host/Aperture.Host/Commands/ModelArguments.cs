using System.CommandLine;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Host.Commands;

/// <summary>The model argument and the options about opening it, shared by the verbs that use a model.</summary>
internal sealed class ModelArguments
{
    private readonly Option<string> _type = new("--dtype")
    {
        Description = "Element type: auto, float32, bfloat16 or float16.",
        HelpName = "type",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string> _weights = new("--weights")
    {
        Description = "How matrices are kept: stored (as the checkpoint has them), int8 or int4 (in so many bits, on the CPU), or auto (as 'aperture quantize' "
            + "wrote them, else stored).",
        HelpName = "format",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string> _cache = new("--kv-cache")
    {
        Description = "How keys and values are cached: auto (as computed), bfloat16, or int8 (with a scale for each row and head, on the CPU).",
        HelpName = "format",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string?> _tower = new("--tower") { Description = "Folder of the vision tower, for checkpoints without one.", HelpName = "folder" };
    private readonly Option<string?> _adapters = new("--adapters")
    {
        Description
            = "File with the adapters of a model made of frozen models and adapters; by default the only one beside the model; fresh begins a training.",
        HelpName = "file",
    };
    private readonly Option<string?> _adapter = new("--adapter")
    {
        Description = "Folder or hub id of a LoRA adapter (adapter_config.json) to merge into the model's weights.",
        HelpName = "folder",
    };
    private readonly Option<bool> _cut = new("--cut-prompt")
    {
        Description = "Cut a prompt that is longer than the model takes, and say so, instead of refusing it.",
    };
    private readonly Option<string?> _encoder = new("--encoder")
    {
        Description = "What is set about a vision encoder that a plugin offers, such as a resolution; an unknown option is answered with those there are.",
        HelpName = "OPTION=VALUE,…",
    };
    private readonly Option<string?> _family = new("--family")
    {
        Description = "Model family that opens the folder; by default the one that recognises it (aperture models list).",
        HelpName = "name",
    };
    private readonly Option<string?> _prompt = new("--prompt") { Description = "Prompt template; the checkpoint's own by default.", HelpName = "name" };
    private readonly Option<string?> _aspect = new("--aspect")
    {
        Description = "What a picture becomes: pad (to a square), crop (the centre) or anyres (in tiles); the checkpoint's own by default.",
        HelpName = "aspect",
    };

    private readonly Option<string[]> _with = new("--with")
    {
        Description = "A method and its options, NAME or NAME:OPTION=VALUE,…; + joins methods into one pipeline. May be repeated.",
        HelpName = "methods",
    };

    /// <summary>The model.</summary>
    public Argument<string> Model { get; } = new("model")
    {
        Description = "A shipped model (tiny-llava), a checkpoint folder, or a hub id fetched with 'aperture pull'.",
    };

    /// <summary>Adds the options to a verb; the verb adds the argument where it belongs.</summary>
    public void AddOptions(Command command)
    {
        command.Options.Add(_with);
        command.Options.Add(_type);
        command.Options.Add(_weights);
        command.Options.Add(_cache);
        command.Options.Add(_tower);
        command.Options.Add(_adapters);
        command.Options.Add(_adapter);
        command.Options.Add(_cut);
        command.Options.Add(_encoder);
        command.Options.Add(_family);
        command.Options.Add(_prompt);
        command.Options.Add(_aspect);
    }

    /// <summary>How the model is to be opened.</summary>
    /// <exception cref="ApertureException">An option has an unknown value.</exception>
    public ModelOptions Options(ParseResult parsed) => new()
    {
        Type = parsed.GetValue(_type) ?? "auto",
        Weights = parsed.GetValue(_weights) ?? "auto",
        Cache = parsed.GetValue(_cache) ?? "auto",
        Tower = parsed.GetValue(_tower),
        Adapters = parsed.GetValue(_adapters),
        Adapter = parsed.GetValue(_adapter),
        CutPrompt = parsed.GetValue(_cut),
        Encoder = parsed.GetValue(_encoder),
        Family = parsed.GetValue(_family),
        Prompt = parsed.GetValue(_prompt),
        Aspect = parsed.GetValue(_aspect) switch
        {
            null => null,
            "pad" => ImageAspect.Pad,
            "crop" => ImageAspect.Crop,
            "anyres" => ImageAspect.AnyRes,
            var other => throw new ApertureException($"--aspect {other}: give pad, crop or anyres."),
        },
    };

    /// <summary>One pipeline for each <c>--with</c>; none without the option.</summary>
    public IReadOnlyList<Pipeline> Pipelines(ParseResult parsed, Pipeline model)
        => [.. (parsed.GetValue(_with) ?? []).Select(text => text.Split('+', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Aggregate(model.Plain(), (pipeline, method) => pipeline.With(MethodUse.Parse(method))))];

    /// <summary>The one pipeline of all <c>--with</c> together, in the order given.</summary>
    public Pipeline Pipeline(ParseResult parsed, Pipeline model)
        => (parsed.GetValue(_with) ?? []).SelectMany(text => text.Split('+', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Aggregate(model, (pipeline, method) => pipeline.With(MethodUse.Parse(method)));
}
