namespace Aperture.Generation;

/// <summary>When beam search stops looking, once it holds as many finished hypotheses as beams (<c>early_stopping</c>).</summary>
public enum BeamStopping
{
    /// <summary>When the best open beam, judged at its present length, cannot beat the worst finished hypothesis (<c>false</c>).</summary>
    Unlikely,

    /// <summary>At once (<c>true</c>).</summary>
    Full,

    /// <summary>When no open beam can beat the worst finished hypothesis at any length (<c>"never"</c>).</summary>
    Impossible,
}
