namespace Aperture.Decoding;

/// <summary>
/// A method that acts in the decoder: a token reducer or a layer router. It declares, when a pipeline is built, which sites of which layers it touches;
/// sites that nobody touches cost nothing.
/// </summary>
/// <remarks>
/// One object serves many requests of one pipeline on one model. The host runs the requests on a model one after the other, from changing threads, so the hooks
/// of an object are never in two requests at a time. What belongs to a request is kept in what <see cref="Begin"/> makes, never in the object. What several
/// objects share (a static field, a service of the plugin, what a factory remembers) meets several threads at once and must be safe for that.
/// </remarks>
public interface IDecoderMethod : IDisposable
{
    /// <summary>The name that a pipeline, a table row or a refusal shows.</summary>
    string Name { get; }

    /// <summary>
    /// Whether keys and values of a prompt's first rows may serve a later prompt that begins alike: what the method does to a row then follows from the rows in
    /// front of it and from their pictures alone, never from what stands behind, from the length of the prompt, from chance or from earlier requests. Such a
    /// prompt's first rows run in forwards of their own, in the request that finds none kept and in no other; hooks inside the decoder must be declared for
    /// <see cref="DecoderPhase.Prefill"/> and <see cref="DecoderPhase.Append"/> alike, and keep nothing of those rows. No unless a method says so: say yes only
    /// where a test holds that answers are the same.
    /// </summary>
    bool KeepsPrefixes => false;

    /// <summary>
    /// Makes the method's state for a request, with one entry a sequence; null if it needs none. The request disposes it. Called when the sequences enter the
    /// decoder, after the hooks on pictures, which hand tensors on through <see cref="IRequestContext.Share"/>.
    /// </summary>
    /// <param name="request">The request that begins.</param>
    ISequenceState? Begin(IRequestContext request) => null;
}

/// <summary>A method that makes sequences shorter: it drops or merges visual tokens before or inside the decoder.</summary>
public interface ITokenReducer : IDecoderMethod
{
    /// <summary>Declares what the reducer touches. Called once for each pipeline that is built.</summary>
    /// <param name="sites">Where to declare.</param>
    /// <exception cref="ApertureException">The reducer's options do not fit the model.</exception>
    void Declare(IReducerSites sites);
}

/// <summary>A method that decides per layer which rows are computed and how.</summary>
public interface ILayerRouter : IDecoderMethod
{
    /// <summary>Declares what the router touches. Called once for each pipeline that is built.</summary>
    /// <param name="sites">Where to declare.</param>
    /// <exception cref="ApertureException">The router's options do not fit the model.</exception>
    void Declare(IRouterSites sites);
}
