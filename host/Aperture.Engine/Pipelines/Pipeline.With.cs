using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Pipelines;

/// <content>The same model with one method more: a plugin's by its name, or one that the user wrote.</content>
public sealed partial class Pipeline
{
    private const DecoderPhase Prompt = DecoderPhase.Prefill | DecoderPhase.Append;

    /// <summary>The same model with one method more.</summary>
    /// <param name="method">The method's name, as a plugin registers it.</param>
    /// <param name="options">
    /// Its options, for example <c>new { Reduction = 0.6 }</c>; null for all defaults. A method of one's own stands under the name in tables.
    /// </param>
    /// <returns>A new pipeline; this one stays as it is.</returns>
    /// <exception cref="ApertureException">
    /// No plugin offers the method, an option has another name (the message has the nearest ones), the options are not an object of plain values, or the
    /// pipeline has the method with the same options already.
    /// </exception>
    public Pipeline With(string method, object? options = null)
        => options switch
        {
            IDecoderMethod own => With(own, method),
            Delegate => throw new ApertureException(
                $"The function given as '{method}' fits no site; write its parameters as (VisualTokens t) => …, (VisionFeatures f) => …, or after a layer's "
                + "number as (ILayerContext c, torch.Tensor rows) => …, "
                + "(ILayerContext c, IAttentionStatistics s) => … or (ILayerContext c, torch.Tensor rows, IAttentionStatistics? s) => …."),
            _ => With(new MethodUse(method, OptionsJson.From(options))),
        };

    /// <summary>
    /// The same model with one method more. The plugin that offers it is loaded to see that it does; that values are in range and fit the model is seen when
    /// the pipeline is built. One that acts already, with other options, is told as a notice.
    /// </summary>
    /// <param name="method">The method.</param>
    /// <exception cref="ApertureException">
    /// No plugin offers it, an option has another name, or the pipeline has it already: as the same object, or with the same options.
    /// </exception>
    public Pipeline With(MethodUse method)
    {
        MethodUseCheck.Named(method, _session.Plugins);
        if (MethodUseCheck.Again(method, Methods) is { } notice)
        {
            _session.TellOnce(notice);
        }

        return Of([.. Methods, method]);
    }

    /// <summary>The same model with a method of one's own.</summary>
    /// <param name="method">
    /// An <see cref="ITokenReducer"/> or <see cref="ILayerRouter"/>. The caller disposes it, after the pipelines that use it; given to several models it must
    /// be safe for several threads.
    /// </param>
    /// <param name="name">How tables name it; null for its own name.</param>
    /// <returns>A new pipeline; this one stays as it is.</returns>
    /// <exception cref="ApertureException">It is neither a reducer nor a router.</exception>
    public Pipeline With(IDecoderMethod method, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        return method is ITokenReducer or ILayerRouter
            ? With(new MethodUse(name ?? method.Name, default) { Object = method })
            : throw new ApertureException(
                $"{method.GetType().Name} is neither an {nameof(ITokenReducer)} nor an {nameof(ILayerRouter)}; implement the one that says where it acts.");
    }

    /// <summary>The same model with a function that reduces each picture's features before the projector.</summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="hook">Takes ownership of the features and gives its result's away.</param>
    public Pipeline With(string name, BeforeProjectorHook hook) => With(new LambdaMethod(name, sites => sites.BeforeProjector(hook)));

    /// <summary>The same model with a function that reduces each picture's tokens before the decoder.</summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="hook">Takes ownership of the tokens and gives its result's away.</param>
    public Pipeline With(string name, BeforeDecoderHook hook) => With(new LambdaMethod(name, sites => sites.BeforeDecoder(hook)));

    /// <summary>
    /// The same model with a function that reduces each picture's features before the projector, and does not ask for the picture it is called for.
    /// </summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="hook">Takes ownership of the features and gives its result's away.</param>
    public Pipeline With(string name, Func<VisionFeatures, VisionFeatures> hook) => With(name, (BeforeProjectorHook)((_, features) => hook(features)));

    /// <summary>
    /// The same model with a function that reduces each picture's tokens before the decoder, such as
    /// <c>With("half", (VisualTokens t) => t.Keep([.. Enumerable.Range(0, t.Count / 2)]))</c>.
    /// </summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="hook">Takes ownership of the tokens and gives its result's away.</param>
    public Pipeline With(string name, Func<VisualTokens, VisualTokens> hook) => With(name, (BeforeDecoderHook)((_, tokens) => hook(tokens)));

    /// <summary>The same model with a function that edits a prompt's rows in place before a layer.</summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="hook">The function.</param>
    public Pipeline With(string name, int layer, BeforeLayerHook hook) => With(new LambdaMethod(name, sites => sites.BeforeLayer(layer, Prompt, hook)));

    /// <summary>The same model with a function that chooses, by a layer's attention, the rows of a prompt that go on.</summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="hook">The function.</param>
    public Pipeline With(string name, int layer, AfterAttentionHook hook) => With(new LambdaMethod(name, sites => sites.AfterAttention(layer, Prompt, hook)));

    /// <summary>
    /// The same model with a function that chooses the rows of a prompt that go on after a layer. It gets the layer's attention where the layer attended.
    /// </summary>
    /// <param name="name">How tables and refusals name it.</param>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="hook">The function.</param>
    public Pipeline With(string name, int layer, AfterLayerHook hook) => With(new LambdaMethod(name, sites => sites.AfterLayer(layer, Prompt, true, hook)));
}
